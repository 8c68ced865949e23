"""What can be wrong with an account or a session."""

from boxoffice.errors import DomainError, Unauthenticated


class EmailTaken(DomainError):
    code = "email_taken"
    detail = "There is an account with this email already."
    constraint = "accounts_email_key"


class WrongCredentials(Unauthenticated):
    code = "wrong_credentials"
    detail = "The email or the password is wrong."


class SessionOver(Unauthenticated):
    code = "session_over"
    detail = "This refresh token is unknown, expired, revoked or used already. Log in again."
