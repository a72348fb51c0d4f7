"""What the text beside the buy box means, in the shops' languages."""

from __future__ import annotations

import pytest

from insights_assets.snapshots.parser.availability import availability_of_text
from insights_assets.snapshots.product_snapshot import Availability

IN, LIMITED, OUT = Availability.IN_STOCK, Availability.LIMITED, Availability.OUT_OF_STOCK
PRE, BACK, GONE = Availability.PREORDER, Availability.BACKORDER, Availability.UNAVAILABLE


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("In Stock.", IN),
        ("Only 6 left in stock.", LIMITED),
        ("Only 1 left in stock - order soon.", LIMITED),
        ("Only 5 left in stock (more on the way).", LIMITED),
        ("Currently unavailable. We don't know when or if this item will be back in stock.", OUT),
        ("Temporarily out of stock. We are working hard to be back in stock.", OUT),
        ("This item will be released on 12 March 2027. Pre-order now.", PRE),
        ("In stock on June 17, 2020. Order it now.", BACK),
        ("Usually ships within 3 to 4 days.", IN),
        ("Usually ships within 1 to 2 months.", BACK),
        ("This product is no longer available.", GONE),
        ("Auf Lager.", IN),
        ("Nur noch 18 auf Lager", LIMITED),
        ("Derzeit nicht verfügbar. Ob und wann dieser Artikel wieder vorrätig sein wird", OUT),
        ("Vorübergehend nicht auf Lager.", OUT),
        ("Dieser Artikel erscheint am 3. Mai 2027.", PRE),
        ("En stock", IN),
        ("Il ne reste plus que 3 exemplaire(s) en stock.", LIMITED),
        ("Actuellement indisponible. Nous ne savons pas quand cet article sera disponible", OUT),
        ("Temporairement en rupture de stock.", OUT),
        ("Habituellement expédié sous 3 à 4 jours.", IN),
        ("Cet article paraîtra le 12 mars 2027.", PRE),
        ("Disponibilità immediata.", IN),
        ("Disponibilità: solo 1", LIMITED),
        ("Non disponibile. Non sappiamo se o quando l’articolo sarà di nuovo disponibile.", OUT),
        ("Sólo queda(n) 2 en stock.", LIMITED),
        ("No disponible por el momento.", OUT),
        ("Em estoque.", IN),
        ("Em stock.", IN),
        ("Apenas 3 em estoque.", LIMITED),
        ("Não disponível.", OUT),
        ("Estimativa de envio de 2 a 3 dias.", IN),
        ("Op voorraad", IN),
        ("Nog slechts 3 op voorraad.", LIMITED),
        ("Momenteel niet verkrijgbaar. Niet op voorraad.", OUT),
        ("I lager", IN),
        ("Endast 3 kvar i lager", LIMITED),
        ("Inte tillgänglig för tillfället.", OUT),
        ("Dostępny", IN),
        ("Pozostało tylko 5 szt.", LIMITED),
        ("Obecnie niedostępny.", OUT),
        ("Stokta var.", IN),
        ("Stokta sadece 15 adet kaldı (daha fazla ürün gelecektir).", LIMITED),
        ("Şu anda mevcut değil.", OUT),
        ("在庫あり。", IN),
        ("残り3点 ご注文はお早めに", LIMITED),
        ("現在在庫切れです。この商品の再入荷予定は立っておりません。", OUT),
        ("この商品の発売予定日は2027年3月1日です。", PRE),
        ("متوفر", IN),
        ("تبقى 3 فقط", LIMITED),
        ("غير متوفر حالياً", OUT),
        ("स्टॉक में", IN),
        ("केवल 2 स्टॉक में बचे हैं", LIMITED),
        ("वर्तमान में अनुपलब्ध", OUT),
        ("现在有货", IN),
        ("目前无货", OUT),
        ("Skladem", IN),
        ("På lager", IN),
        ("Available from these sellers.", Availability.UNKNOWN),
        ("Erhältlich bei diesen Anbietern.", Availability.UNKNOWN),
        ("Disponible auprès de ces vendeurs", Availability.UNKNOWN),
        ("Disponibile presso questi venditori.", Availability.UNKNOWN),
        ("Beschikbaar bij deze verkopers.", Availability.UNKNOWN),
        ("Voir les offres de ces vendeurs.", Availability.UNKNOWN),
        ("Disponible en estos vendedores.", Availability.UNKNOWN),
        ("Dostępne od tych sprzedawców.", Availability.UNKNOWN),
        ("Momenteel niet verkrijgbaar.", OUT),
        ("Momenteel niet verkrijgbaar. We weten niet of het weer op voorraad komt.", OUT),
        ("Tillfälligt slut.", OUT),
        ("نفدت الكمية", OUT),
        ("Available to ship in 1-2 days", IN),
        ("Available to dispatch in 1-2 days.", IN),
        ("Available to ship in 2-3 weeks", BACK),
        ("Available now", IN),
        ("Versandfertig in 1 - 2 Tagen", IN),
        ("Gewöhnlich versandfertig in 2 bis 3 Wochen.", BACK),
        ("Expédié sous 3 à 5 semaines", BACK),
        ("Seulement 2 exemplaires en stock", LIMITED),
        ("Il ne reste que 3 exemplaires", LIMITED),
        ("Vanligtvis skickas inom 3 till 4 dagar", IN),
        ("Saldrá a la venta el 3 de mayo de 2027.", PRE),
        ("Dieser Artikel wird am 3. Mai 2027 erscheinen.", PRE),
        ("Quantity: 1", None),
        ("", None),
    ],
)
def test_availability(text: str, expected: Availability | None) -> None:
    assert availability_of_text(text) == expected


@pytest.mark.parametrize(
    "refusal",
    [
        "This item cannot be shipped to your selected delivery location. Please choose a different"
        " delivery location.",
        "This item cannot be dispatched to your selected delivery location.",
        "This item does not ship to Iceland. Please check other sellers who may ship there.",
        "This product is not available for shipping to your location.",
        "Dieser Artikel kann nicht an den von dir ausgewählten Lieferort versendet werden. Wähle"
        " einen anderen Lieferort.",
        "Dieser Artikel ist nicht nach Island lieferbar.",
        "Cet article ne peut pas être expédié en Islande.",
        "Cet article ne peut pas être livré à l’adresse sélectionnée.",
        "Este producto no puede ser enviado a Islandia.",
        "Este producto no se puede enviar al punto de entrega seleccionado.",
        "Questo articolo non può essere spedito al punto di consegna selezionato.",
        "Este item não pode ser enviado para o local de entrega selecionado.",
        "Dit artikel kan niet worden verzonden naar je geselecteerde bezorglocatie.",
        "Bu ürün seçtiğiniz teslimat konumuna gönderilemez.",
        "この商品は選択したお届け先に配送できません。別のお届け先を選択してください。",
    ],
)
def test_that_an_item_is_not_sent_to_the_visitor_says_nothing_about_its_stock(
    refusal: str,
) -> None:
    assert availability_of_text(refusal) is None
    assert availability_of_text(f"In Stock. {refusal}") is IN
    assert availability_of_text(f"{refusal} Currently unavailable.") is OUT
