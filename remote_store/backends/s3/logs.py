"""What the SDK logs, without what is secret in it: at DEBUG it writes headers with tokens, and STS's answers with keys."""

from __future__ import annotations

import logging
import re

__all__ = ["Discreet", "keep_secrets"]

LOGGERS = (
    "aiobotocore.credentials",
    "aiobotocore.tokens",
    "aiobotocore.utils",
    "botocore.auth",
    "botocore.awsrequest",
    "botocore.client",
    "botocore.credentials",
    "botocore.endpoint",
    "botocore.handlers",
    "botocore.hooks",
    "botocore.httpsession",
    "botocore.parsers",
    "botocore.response",
    "botocore.retryhandler",
    "botocore.tokens",
    "botocore.utils",
)
"""Each by its name: a logger's filter does not see what its children log."""

_NAMES = (
    r"secret_?access_?key|secret_?key|(?:x-amz-)?security[-_]token|session_?token|access_?token|refresh_?token"
    r"|client_?secret|web_?identity_?token|x-aws-ec2-metadata-token|x-amz-sso_bearer_token|token|x-amz-signature"
    r"|signature"
)
_NAMED = re.compile(rf"(?i)(?<![\w-])((?:{_NAMES})b?[\"']?\s*[:=]\s*\[?b?[\"']?)(?![\s<{{])[^\s\"',;&<>}}\]]+")
_ELEMENT = re.compile(rf"(?i)(<(?:{_NAMES})>)[^<]*")
_HEADER = re.compile(r"(?i)(authorization[\"']?\s*[:=]\s*b?[\"']?)(?!AWS4-)[^\"'\r\n]+")


class Discreet(logging.Filter):
    """Lets every record through, with ``***`` for tokens, secrets and signatures."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Mask what is secret in `record`, in place; always true."""
        text = record.getMessage()
        for pattern in (_NAMED, _ELEMENT, _HEADER):
            text = pattern.sub(r"\1***", text)
        record.msg, record.args = text, ()
        if record.name.endswith(".credentials"):
            record.exc_info = None  # it may quote what a process wrote; the failure is told by our own error
        return True


_discreet = Discreet()


def keep_secrets() -> None:
    """Put the filter on the SDK's loggers; a second time changes nothing."""
    for name in LOGGERS:
        logging.getLogger(name).addFilter(_discreet)
