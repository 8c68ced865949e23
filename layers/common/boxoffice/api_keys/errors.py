"""Why an organisation cannot have another API key."""

from boxoffice.errors import DomainError


class TooManyKeys(DomainError):
    code = "too_many_keys"
    meaning = "The organisation has {most} API keys in use, which is the most."
    remedy = "Revoke one that you no longer need."
    most: int
