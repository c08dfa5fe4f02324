"""Who, when and where of a call, from a CSV, a JSON beside the recording, or the file's name."""

from speechqa.metadata.call import CallMetadata
from speechqa.metadata.dates import parse_started_at
from speechqa.metadata.reader import MetadataReader

__all__ = ["CallMetadata", "MetadataReader", "parse_started_at"]
