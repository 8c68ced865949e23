"""What can be wrong with an account or a session."""

from boxoffice.errors import DomainError


class EmailTaken(DomainError):
    code = "email_taken"
    meaning = "There is an account with this email already."
    remedy = "Log in, or sign up with another email."
    constraint = "accounts_email_key"


class WrongCredentials(DomainError):
    status = 401
    code = "wrong_credentials"
    meaning = "The email or the password is wrong."
    remedy = "Check both and try again."
    detail: str = ""


class SessionOver(DomainError):
    status = 401
    code = "session_over"
    meaning = "This refresh token is unknown, expired, revoked or used already."
    remedy = "Log in again."
