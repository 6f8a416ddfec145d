"""The async originals of the contract; the sync twins are generated from them."""
