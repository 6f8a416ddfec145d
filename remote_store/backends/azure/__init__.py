"""Azure Blob Storage: accounts of any cloud, and Azurite."""
