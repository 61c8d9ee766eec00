from __future__ import annotations

import pytest

from pumphouse.cleaning import language

SENTENCES = {
    "en": "The delivery came two days late and the box was damaged.",
    "de": "Die Lieferung kam zwei Tage zu spät und der Karton war beschädigt.",
    "fr": "La livraison est arrivée avec deux jours de retard et le carton était abîmé.",
    "es": "La entrega llegó dos días tarde y la caja estaba dañada.",
    "it": "La consegna è arrivata con due giorni di ritardo e la scatola era rovinata.",
    "pt": "A entrega chegou com dois dias de atraso e a caixa estava danificada.",
    "nl": "De levering kwam twee dagen te laat en de doos was beschadigd.",
    "pl": "Przesyłka przyszła dwa dni za późno, a pudełko było uszkodzone.",
    "ru": "Посылка пришла на два дня позже, коробка была повреждена, и я прошу вернуть мне деньги.",
    "tr": "Teslimat iki gün geç geldi ve kutu hasarlıydı.",
    "sv": "Leveransen kom två dagar för sent och lådan var skadad.",
    "ja": "配達は二日遅れ、箱が壊れていました。",
    "zh": "快递晚到了两天，盒子也坏了，请你们尽快给我回电话，因为我需要退货。",
    "ar": "وصل التسليم متأخرا يومين وكان الصندوق تالفا، أرجو معاودة الاتصال بي في أقرب وقت ممكن.",
    "el": "Η παράδοση ήρθε δύο μέρες αργότερα.",
}


@pytest.mark.parametrize("code", SENTENCES)
def test_a_sentence_tells_its_language(code: str) -> None:
    cell = language().one(SENTENCES[code])
    assert (cell.value, cell.reason) == (code, None)
    assert 0.8 <= cell.extra["confidence"] <= 1


@pytest.mark.parametrize("written", ["ok", "Berlin", "asdfgh qwerty", "la la la la", "ring me", "Schmidt & Söhne GmbH"])
def test_what_tells_no_language_for_sure_is_declined(written: str) -> None:
    cell = language().one(written)
    assert cell.value is None
    assert cell.reason is not None


@pytest.mark.parametrize("written", ["12345", "😀", "-", "1.234,56"])
def test_without_letters_there_is_no_language(written: str) -> None:
    assert language().one(written).reason == "no letters in it"


def test_one_may_ask_to_be_surer() -> None:
    assert language().one("Wo ist der nächste Bahnhof?").value == "de"
    assert language(confidence=1.0).one("Wo ist der nächste Bahnhof?").reason.startswith("not sure which language: de")


def test_the_text_stays_and_its_language_has_a_column_of_its_own() -> None:
    assert language().target("note") == "note__language"
    assert language(into="spoken").target("note") == "spoken"


def test_a_confidence_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="above 0 and up to 1, not 80"):
        language(confidence=80)
