"""Complaints in people's own words are put before a human, with erasure named."""

from __future__ import annotations

import pytest

from mailrunner.inbound.complaints import Complaint, complaint, erasure_by_subject
from mailrunner.model.inbound_event import EventKind
from tests.data.bounces import letter
from tests.inbound.test_classify import BO, SORTER, answer, said

ERASURE = [
    "That is spam. I never signed up for this. Delete my data!",
    "Please erase all my personal information from your systems.",
    "Under Article 17 GDPR I request that you remove me.",
    "Löschen Sie bitte alle meine Daten gemäß DSGVO.",
    "Bitte meine Daten löschen",
    "Je vous demande de supprimer mes données personnelles.",
    "Solicito que eliminen mis datos personales",
    "Vi chiedo di cancellare i miei dati",
    "Vă rog să ștergeți datele mele",
    "Por favor apaguem os meus dados",
    "Verwijder mijn gegevens",
    "Proszę usunąć moje dane",
]
SPAM = [
    "this is spam",
    "That's just spam, and I shall report it.",
    "You are spamming me",
    "I have reported you to your provider.",
    "How did you get my address?",
    "I never subscribed to this",
    "You mail me without my consent",
    "Das ist Spam!",
    "Woher haben Sie meine Adresse?",
    "Ich habe mich nie angemeldet",
    "C'est du spam",
    "Je ne me suis jamais inscrit",
    "Esto es spam",
    "Non mi sono mai iscritto",
    "Acesta este spam",
    "Dit is spam",
]


@pytest.mark.parametrize(
    ("words", "kind"), [*((w, Complaint.ERASURE) for w in ERASURE), *((w, Complaint.SPAM) for w in SPAM)]
)
def test_a_complaint_in_answer_to_a_message_is_a_proposal_that_names_it(words: str, kind: Complaint) -> None:
    fact = said(answer(f"{words}\n\nOn Friday Ana Pop wrote:\n> Hello Bo"))
    assert fact is not None
    assert (fact.kind, fact.delivery, fact.address) == (EventKind.ASKED, BO.number, "bo@example.org")
    assert fact.detail == f"{kind}: {words}"


def test_a_long_request_that_cites_the_law_is_read_as_well() -> None:
    fact = said(answer("I write to you as a data subject. " * 30 + "Delete my data."))
    assert fact is not None and fact.detail.startswith("asks for erasure of their data: I write")
    assert len(fact.detail) <= 300


@pytest.mark.parametrize(
    "words",
    [
        "Thank you! It landed in my spam folder, but I found it.",
        "Lovely, see you on Friday.",
        "Danke!\n\n> Das ist Spam",
        "I deleted the old calendar; where is the new one?",
        "Could you send me the data of last year?",
    ],
)
def test_a_friendly_answer_is_left_alone(words: str) -> None:
    assert complaint(words) is None or ">" in words
    assert said(answer(words)) is None


@pytest.mark.parametrize(
    "subject",
    ["Delete my data", "Please erase my personal data!", "=?utf-8?q?Bitte_meine_Daten_l=C3=B6schen?="],
)
def test_a_subject_that_asks_for_erasure_is_recorded_from_any_sender(subject: str) -> None:
    fact = said(letter("Bo", subject=subject))
    assert fact is not None
    assert (fact.kind, fact.delivery) == (EventKind.ASKED, None)
    assert fact.detail.startswith("asks for erasure of their data: ")


@pytest.mark.parametrize(
    "subject",
    [
        "GDPR training on Friday",
        "Re: delete my data",
        "How do I delete my data from that other site for good, Ana?",
    ],
)
def test_private_mail_about_data_is_not_opened(subject: str) -> None:
    raw = letter("This is spam, delete my data", subject=subject)
    assert not erasure_by_subject(subject)
    assert not SORTER.may_concern(raw.partition(b"\r\n\r\n")[0])


def test_a_message_of_ours_about_spam_does_not_make_its_answers_complaints() -> None:
    assert said(answer("Very useful, thanks", subject="Re: This is spam: how we delete your data")) is None
