"""Availability from the text beside the buy box, in the languages of the marketplaces.

The phrases are data: a pattern says what a text that contains it means. The first group of
``PHRASES`` with a match decides, so that "Temporarily out of stock" is not "in stock". A new
language is a phrase in each group.
"""

from __future__ import annotations

import re
from functools import lru_cache

from insights_assets.snapshots.product_snapshot import Availability

_N = r"\d[\d.,]*"

#: Offers of other sellers only: nothing is said about the featured offer, for there is none.
OTHER_SELLERS_ONLY = re.compile(
    r"(?i)available from\b.*\bsellers?|erhältlich bei|disponible auprès de|disponible a través de"
    r"|disponible por|disponibile presso|verkrijgbaar bij|tillgänglig från|dostępn\w+ u"
    r"|(?:beschikbaar|verkrijgbaar) bij deze verkopers|offres de ces vendeurs"
    r"|(?:estos|estes|nestes) vendedores|tych sprzedawców|bu satıcılarda|هؤلاء البائعين"
    r"|bu satıcılardan|disponível (?:com|através)|こちらから|出品者からお求め"
    r"|متوفر من هؤلاء|इन विक्रेताओं|只能从.*卖家|k dostání u|tilgængelig (?:fra|hos)"
)

#: The item is not sent to where the visitor is. That says nothing about the stock, and shares words
#: with phrases that do ("non può essere spedito", "nicht lieferbar"): it is taken out of a text
#: before they are looked for.
NOT_SENT_HERE = re.compile(
    r"(?i)(?:can(?:no|['’])t|can not|does(?: not|n['’]t)) (?:be )?(?:ship|dispatch|deliver)\w*"
    r"|not (?:deliverable|available for (?:shipping|delivery)) to"
    r"|kann (?:\w+ )?nicht (?:an|nach|in) [^.。]{1,80}?(?:versendet|versandt|geliefert|verschickt"
    r"|zugestellt) werden|nicht (?:an|nach|in) [^.。]{1,80}?(?:lieferbar|geliefert|versendet)"
    r"|ne (?:peut|peuvent) pas (?:être )?(?:expédi|livr)\w+"
    r"|n['’]est pas (?:expédi|livr)\w+ (?:à|en|vers)"
    r"|no (?:se )?puede (?:ser )?(?:envia|entrega)\w+|no se (?:envía|entrega) (?:a|en)\b"
    r"|não (?:pode|é possível) (?:ser )?(?:envia|entreg)\w+"
    r"|non può essere (?:spedit|consegnat)\w+|impossibile (?:spedire|consegnare)"
    r"|non (?:è|viene) spedit\w+"
    r"|niet worden (?:verzonden|bezorgd|geleverd)"
    r"|(?:inte|ikke) (?:skickas|levereras|sendes|leveres) til"
    r"|nie (?:można|może) (?:\w+ )?(?:wysła|dostarcz)\w+"
    r"|gönderil(?:emez|emiyor|mez|miyor)\w*|teslim edil(?:emez|emiyor)\w*"
    r"|nelze (?:odeslat|doručit|zaslat)"
    r"|(?:配送|発送|お届け)(?:すること)?(?:が|は)?(?:できません|できかねます|いたしかねます|不可)|配送対象外"
    r"|لا يمكن (?:شحن|توصيل|إرسال)|(?:डिलीवर|शिप) नहीं|无法(?:配送|发送|送达|寄送)"
)

PHRASES: tuple[tuple[Availability, tuple[str, ...]], ...] = (
    (
        Availability.UNAVAILABLE,
        (
            r"no longer available",
            r"discontinued by",
            r"nicht mehr (?:verfügbar|erhältlich|lieferbar)",
            r"n'est plus (?:disponible|commercialis)",
            r"ya no está disponible",
            r"non (?:è )?più disponibile",
            r"niet langer (?:beschikbaar|leverbaar)",
            r"販売終了",
            r"não está mais disponível",
        ),
    ),
    (
        Availability.OUT_OF_STOCK,
        (
            r"(?:currently|temporarily|presently) unavailable",
            r"out of stock",
            r"sold out",
            r"derzeit nicht (?:verfügbar|auf lager|vorrätig)",
            r"nicht (?:auf lager|vorrätig|verfügbar)",
            r"ausverkauft",
            r"(?:actuellement|temporairement|provisoirement) (?:indisponible|en rupture)",
            r"en rupture de stock|indisponible|épuisé",
            r"no disponible|agotado|sin (?:existencias|stock)|fuera de stock",
            r"não disponível|indisponível|esgotado|fora de estoque|sem stock|sem estoque",
            r"non disponibile|esaurit[oa]|non (?:è )?disponibile|temporaneamente non",
            r"niet (?:beschikbaar|verkrijgbaar|op voorraad|leverbaar)|uitverkocht",
            r"(?:inte|ej|ikke) (?:tillgänglig|i lager|på lager|tilgængelig)|slut i lager|slutsåld"
            r"|tillfälligt slut|otillgänglig|udsolgt",
            r"niedostępn|brak w magazynie|wyprzedan|obecnie niedost",
            r"mevcut değil|stokta yok|tükendi|temin edilemiyor",
            r"momentálně nedostupné|není skladem|nedostupn|vyprodáno",
            r"在庫切れ|品切れ|お取り扱いできません|現在、?お取り扱い",
            r"غير متوفر|نفدت? (?:من )?(?:المخزون|الكمية)|غير متاح",
            r"अनुपलब्ध|उपलब्ध नहीं|स्टॉक में नहीं|स्टॉक ख़?त्म",
            r"目前无货|暂时缺货|无货|缺货",
        ),
    ),
    (
        Availability.PREORDER,
        (
            r"pre-?order",
            r"will be released on",
            r"not yet (?:been )?released",
            r"vorbestell|erscheint am|wird am .{3,30} erscheinen|noch nicht erschienen",
            r"précommand|pré-command|para[iî]tra le|sortira le|pas encore (?:paru|sorti)",
            r"reserv(?:a ahora|ar ahora|e ahora)|pre-?venta|se lanzará|preventa"
            r"|(?:sale|saldrá|estará) a la venta",
            r"pré-?venda|será lançad|pré-?encomend",
            r"preordina|pre-?ordin|sarà disponibile (?:a partire )?dal|uscirà il|in uscita il"
            r"|verrà rilasciat",
            r"pre-?order|reserveer nu|verschijnt op|komt uit op",
            r"förbeställ|förhandsbeställ|släpps den|lanseras den|forudbestil",
            r"przedsprzedaż|zamów w przedsprzedaży|premiera|ukaże się",
            r"ön sipariş|tarihinde (?:çıkacak|yayınlanacak|satışa)",
            r"předobjedn|vyjde",
            r"予約|発売予定日|発売予定",
            r"طلب مسبق|الطلب المسبق|سيتم إصدار",
            r"प्री-?ऑर्डर|को रिलीज़",
            r"预购|预订",
        ),
    ),
    (
        Availability.LIMITED,
        (
            rf"only {_N}.{{0,12}}(?:left|remaining|available)|{_N} left in stock|order soon",
            rf"nur noch {_N}|nur {_N} (?:stück )?(?:auf lager|verfügbar|vorrätig)",
            rf"(?:ne|n'en) reste (?:plus )?que {_N}|plus que {_N}|il (?:ne )?reste {_N}"
            rf"|seulement {_N}",
            rf"s[oó]lo qued\w*\W*(?:\w\W*)?{_N}|qued\w*(?:\(n\))? s[oó]lo {_N}|últimas? {_N}",
            rf"apenas {_N}|s[oó] {_N}|resta[m]? (?:apenas )?{_N}|somente {_N}|só resta\w* {_N}",
            rf"solo {_N}|(?:ne )?riman\w* (?:solo )?{_N}|ultim[ie] {_N}",
            rf"nog (?:maar|slechts) {_N}|slechts {_N}|nog {_N} (?:over|op voorraad)",
            rf"(?:endast|bara) {_N}|{_N} kvar i lager|kun {_N}",
            rf"(?:pozostał[oay]?|został[oay]?)\W+(?:tylko\W+)?{_N}|tylko {_N}",
            rf"sadece {_N}|yalnızca {_N}|son {_N} (?:adet|ürün)",
            rf"(?:pouze|už jen|jen|zbývá(?: už jen)?) {_N}",
            rf"残り\s*{_N}|あと{_N}点",
            rf"(?:تبقى|بقي|يتبقى|لم يتبق\w*|باقي)\D{{0,12}}{_N}|{_N} فقط|فقط {_N}",
            rf"(?:केवल|सिर्फ|मात्र) {_N}",
            rf"仅剩\s*{_N}|库存仅剩\s*{_N}|只剩\s*{_N}",
        ),
    ),
    (
        Availability.BACKORDER,
        (
            r"back-?order",
            r"in stock on\b",
            r"(?:available to (?:ship|dispatch)|dispatch\w*)\b.*\b(?:weeks|months?)\b",
            r"(?:ships|dispatched|delivered)\b.*\b(?:weeks|months?)\b",
            r"versandfertig in\b.*(?:wochen|monaten?)\b",
            r"(?:wieder )?auf lager ab|(?:wochen|monaten?) versand|innerhalb .*(?:wochen|monate)",
            r"expédié (?:dans|sous)\b.*(?:semaines|mois)\b",
            r"en stock (?:le|à partir du)|sous .*(?:semaines|mois)\b",
            r"en stock el|en .*(?:semanas|meses)\b",
            r"em (?:stock|estoque) (?:em|a partir de)|de .*(?:semanas|meses)\b",
            r"disponibile dal|entro .*(?:settimane|mesi)\b",
            r"op voorraad (?:op|vanaf)|binnen .*(?:weken|maanden)",
            r"i lager den|inom .*(?:veckor|månader)",
            r"w ciągu .*(?:tygodni|miesięcy)",
            r"(?:hafta|ay) içinde",
            r"(?:週間|か月|ヶ月)以内",
            r"入荷予定",
        ),
    ),
    (
        Availability.IN_STOCK,
        (
            r"in stock|available (?:now|instantly)|available to (?:ship|dispatch)",
            r"usually (?:ships|dispatched)|ships? (?:within|in) \d|dispatched within",
            r"auf lager|sofort lieferbar|gewöhnlich versandfertig|versandfertig|lieferbar",
            r"en stock|habituellement expédié|expédié sous|disponible",
            r"en existencia|hay existencias|normalmente se envía|envío en|se envía en",
            r"em estoque|em stock|enviado em \d|estimativa de envio|disponível|geralmente enviado",
            r"disponibilità immediata|disponibile|generalmente spedito|spedito",
            r"op voorraad|beschikbaar|leverbaar|(?:gewoonlijk|meestal) verzonden",
            r"i lager|på lager|finns i lager|skickas vanligtvis|vanligtvis skickas|tillgänglig",
            r"dostępn|w magazynie|w tej chwili dostępny|zwykle wysyłan",
            r"stokta|mevcut|genellikle .*gönderilir|kargoya verilir",
            r"skladem",
            r"在庫あり|通常.*(?:発送|出荷)|以内に発送",
            r"متوفر|متاح|يُ?شحن عادةً?",
            r"स्टॉक में|उपलब्ध",
            r"现在有货|有现货|有货|现货",
        ),
    ),
)

#: The element says it in its first words; widgets inside it may follow.
_LONGEST_TEXT = 500
_COMPILED = tuple(
    (value, re.compile("|".join(f"(?:{phrase})" for phrase in phrases)))
    for value, phrases in PHRASES
)


def availability_of_text(text: str) -> Availability | None:
    """What the text beside the buy box says; None when it says nothing known.

    A text that only names other sellers is ``UNKNOWN``: there is no featured offer.
    """
    return _availability_of(text[:_LONGEST_TEXT])


@lru_cache(maxsize=1024)  # most pages say the same few things
def _availability_of(text: str) -> Availability | None:
    lowered = NOT_SENT_HERE.sub(" ", text.lower().replace("’", "'"))
    if not lowered.strip():
        return None
    # "No se sabe si volverá a estar disponible" follows the phrase that matters.
    for value, pattern in _COMPILED:
        if value is Availability.IN_STOCK and OTHER_SELLERS_ONLY.search(lowered):
            return Availability.UNKNOWN
        if pattern.search(lowered):
            return value
    return Availability.UNKNOWN if OTHER_SELLERS_ONLY.search(lowered) else None
