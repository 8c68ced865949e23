"""What can be wrong with seats."""

from boxoffice.errors import DomainError


class SeatNotFound(DomainError):
    status = 404
    code = "seat_not_found"
    detail = "One of the seats does not exist, or is not of this ticket type."


class SeatTaken(DomainError):
    code = "seat_taken"
    detail = "Somebody else has one of these seats. Nothing was taken."


class NoSeatsTogether(DomainError):
    code = "no_seats_together"
    detail = "There are not as many free seats next to each other. Ask for fewer, or with `together` false."


class SeatsInTheWay(DomainError):
    code = "seats_in_the_way"
    detail = "The map would lose seats that are held or sold."


class SeatOfAnotherType(DomainError):
    code = "seat_of_another_type"
    detail = "One of the seats belongs to another ticket type of the event."
