"""Why seats cannot be had, or not be laid out."""

from uuid import UUID

from boxoffice.errors import DomainError


class NotSeated(DomainError):
    status = 422
    code = "not_seated"
    meaning = "{ticket_type_name} has no seats to choose."
    remedy = "Leave `seat_ids` out."
    ticket_type_id: UUID
    ticket_type_name: str


class SeatCountMismatch(DomainError):
    status = 422
    code = "seat_count_mismatch"
    meaning = "The quantity of {ticket_type_name} is {quantity}, but `seat_ids` names {seats} different seats."
    remedy = "Name {quantity} seats, or none of this ticket type."
    ticket_type_id: UUID
    ticket_type_name: str
    quantity: int
    seats: int


class SeatNotFound(DomainError):
    status = 404
    code = "seat_not_found"
    meaning = "Some of the seats do not exist, or another ticket type sells them."
    remedy = "Leave out those in `seat_ids`, or read the seat map again."
    ticket_type_id: UUID
    seat_ids: list[UUID]


class SeatTaken(DomainError):
    code = "seat_taken"
    meaning = "Somebody else has some of these seats. Nothing was taken."
    remedy = "Choose others for those in `seat_ids`."
    seat_ids: list[UUID]


class NoSeatsTogether(DomainError):
    code = "no_seats_together"
    meaning = "There are not {quantity} free seats next to each other."
    remedy = "Ask for fewer, or set `together` to false."
    ticket_type_id: UUID
    quantity: int


class SeatsInUse(DomainError):
    code = "seats_in_use"
    meaning = "The map would lose seats that are held or sold."
    remedy = "Keep the seats in `seats`."
    seats: list[str]


class SeatOfAnotherType(DomainError):
    code = "seat_of_another_type"
    meaning = "Other ticket types of the event have seats of the same names: {seats}."
    remedy = "Take them out of that ticket type's map first. `seats` names ten at the most."
    seats: list[str]


# Why an order cannot have the seats that it asks for.
CANNOT_BE_SEATED = (NotSeated, SeatCountMismatch, SeatNotFound, SeatTaken, NoSeatsTogether)
