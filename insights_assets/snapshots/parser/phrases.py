"""What pages say in their languages: availability, sellers, labels. Data, no logic.

All texts are compared in lower case with white space folded.
"""

from __future__ import annotations

import re

from insights_assets.snapshots.product_snapshot import Availability

#: In this order: the first that matches decides ("not in stock" holds "in stock").
AVAILABILITY: tuple[tuple[Availability, re.Pattern[str]], ...] = tuple(
    (availability, re.compile("|".join(phrases)))
    for availability, phrases in (
        (
            Availability.PREORDER,
            (
                r"pre-?order",
                r"vorbestell",
                r"noch nicht erschienen",
                r"précommand",
                r"pré-command",
                r"preordin",
                r"prenota",
                r"reserva",
                r"pre-?encomenda",
                r"pré-venda",
                r"予約",
                r"ön sipariş",
                r"förbeställ",
                r"przedsprzeda",
                r"not yet been released",
                r"not yet released",
                r"will be released",
                r"sera disponible le",
                r"paraîtra le",
                r"nog niet verschenen",
                r"erscheint am",
                r"disponible el \d",
                r"طلب مسبق",
            ),
        ),
        (
            Availability.LIMITED,
            (
                r"only \d+ left",
                r"nur noch \d+",
                r"il ne reste plus que \d+",
                r"plus que \d+",
                r"solo \d+ (?:rimanent|disponibilit)",
                r"disponibilità: solo \d+",
                r"solo quedan? \d+",
                r"sólo quedan? \d+",
                r"apenas \d+",
                r"só (?:resta|há)m? \d+",
                r"nog maar \d+",
                r"残り\d+点",
                r"残り \d+",
                r"sadece \d+",
                r"stokta sadece \d+",
                r"endast \d+",
                r"zostało tylko \d+",
                r"tylko \d+",
                r"في المخزن \d+ فقط",
                r"\d+ وحد",
                r"last \d+ in stock",
                r"quedan \d+",
                r"restam? \d+",
            ),
        ),
        (
            Availability.UNAVAILABLE,
            (
                r"not available for purchase",
                r"cannot be shipped to",
                r"can't be shipped to",
                r"does not ship to",
                r"doesn't ship to",
                r"kann nicht .{0,40}geliefert werden",
                r"ne peut pas être (?:expédié|livré)",
                r"non può essere spedito",
                r"no puede enviarse",
                r"no se puede enviar",
                r"お届けできません",
            ),
        ),
        (
            Availability.OUT_OF_STOCK,
            (
                # The page cannot tell a product that is gone from one that is to come back.
                r"currently unavailable",
                r"derzeit nicht verfügbar",
                r"actuellement indisponible",
                r"non disponibile",
                r"no disponible",
                r"momentan nicht verfügbar",
                r"não disponível",
                r"indisponível",
                r"momenteel niet (?:verkrijgbaar|beschikbaar)",
                r"niet beschikbaar",
                r"現在在庫切れです",
                r"この商品は現在お取り扱いできません",
                r"şu anda mevcut değil",
                r"otillgänglig",
                r"obecnie niedostępn",
                r"niedostępny",
                r"غير متوفر",
                r"we don't know when or if this item will be back",
                r"not available",
                r"لا يتوفر",
                r"temporarily out of stock",
                r"out of stock",
                r"vorübergehend (?:ausverkauft|nicht)",
                r"nicht auf lager",
                r"ausverkauft",
                r"en rupture",
                r"temporairement en rupture",
                r"non in stock",
                r"temporaneamente non",
                r"esaurito",
                r"sin stock",
                r"agotado",
                r"temporalmente sin",
                r"esgotado",
                r"fora de estoque",
                r"niet op voorraad",
                r"在庫切れ",
                r"一時的に在庫",
                r"stokta yok",
                r"slut i lager",
                r"tillfälligt slut",
                r"brak w magazynie",
                r"نفد",
                r"غير متاح",
            ),
        ),
        (
            Availability.BACKORDER,
            (
                r"usually (?:ships|dispatched|dispatches) within \d+ to \d+ (?:weeks|months)",
                r"gewöhnlich versandfertig in \d+ bis \d+ (?:wochen|monaten)",
                r"on order",
                r"available to ship in \d+-\d+ (?:weeks|months)",
                r"habituellement expédié sous \d+ à \d+ semaines",
            ),
        ),
        (
            Availability.IN_STOCK,
            (
                r"in stock",
                r"auf lager",
                r"en stock",
                r"disponibilità immediata",
                r"disponibile",
                r"disponible",
                r"em estoque",
                r"em stock",
                r"disponível",
                r"op voorraad",
                r"在庫あり",
                r"stokta",
                r"i lager",
                r"w magazynie",
                r"dostępn",
                r"متوفر",
                r"متاح",
                r"available",
                r"usually (?:ships|dispatched|dispatches)",
                r"versandfertig",
                r"expédié sous",
                r"spedizione",
                r"ships? within",
                r"通常\d+",
                r"enviado",
                r"envío",
                r"lagervara",
                r"lieferbar",
                r"eligible for",
                r"envoi sous",
                r"verzonden",
                r"kargoya verilir",
            ),
        ),
    )
)

#: Words that make a struck price a list price; others ("was", "lowest recent price") are not one.
LIST_PRICE_LABEL = re.compile(
    r"list price|\brrp\b|\buvp\b|unverb|prix conseillé|prix recommandé|prix public|"
    r"precio recomendado|\bp\.?v\.?p|precio de lista|prezzo consigliato|prezzo di listino|"
    r"m\.?r\.?p|"
    r"adviesprijs|\bde:|preço de lista|liste fiyatı|参考価格|定価|rek\. pris|rekommenderat|"
    r"cena katalogowa|sugerowana|typical price|statt:|السعر الموصى|سعر القائمة|digital list price|"
    r"print list price",
    re.I,
)
NO_LIST_PRICE_LABEL = re.compile(
    r"lowest|niedrigster|was:|war:|previous|prix le plus bas|prix précédent|anterior|più basso|"
    r"laagste|lägsta|najniższa|過去|önceki|statt des niedrigsten",
    re.I,
)

#: Sentences about the buy-box seller; the group is its name.
SELLER_SENTENCES = tuple(
    re.compile(pattern, re.I | re.S)
    for pattern in (
        r"ships from and sold by (.+)",
        r"dispatched from and sold by (.+)",
        r"sold and (?:dispatched|shipped) by (.+)",
        r"sold by (.+?) and (?:fulfilled|delivered|dispatched|shipped) by",
        r"sold by:? (.+)",
        r"verkauf und versand durch (.+)",
        r"verkauf durch (.+?) und versand durch",
        r"verkauft von (.+?)(?: und|,|$)",
        r"expédié et vendu par (.+)",
        r"vendu et expédié par (.+)",
        r"vendu par (.+?) et expédié par",
        r"vendu par (.+)",
        r"venduto e spedito da (.+)",
        r"spedito e venduto da (.+)",
        r"venduto da (.+?) e spedito da",
        r"venduto da (.+)",
        r"vendido y enviado por (.+)",
        r"enviado y vendido por (.+)",
        r"vendido por (.+?) (?:y|e) (?:enviado|gestionado|entregue|gerido|gestionada)",
        r"enviado (?:de|por) e vendido por (.+)",
        r"vendido e (?:entregue|enviado) por (.+)",
        r"vendido por:? (.+)",
        r"verkocht en verzonden door (.+)",
        r"verkoop en verzending door (.+)",
        r"verkocht door (.+?) en verzonden door",
        r"verkocht door (.+)",
        r"この商品は、?(.+?)\s*が販売",
        r"(.+?)\s*が販売(?:、|し)",
        r"販売元:?\s*(.+)",
        r"(.+?) tarafından satıl",
        r"satıcı:? (.+)",
        r"(.+?) tarafından gönderilir ve satılır",
        r"säljs (?:och skickas )?av (.+)",
        r"sprzedawane (?:i wysyłane )?przez (.+)",
        r"يباع (?:ويشحن )?من (?:قبل )?(.+)",
    )
)

#: The brand line: what stands around the brand.
BRAND_LINES = tuple(
    re.compile(pattern, re.I)
    for pattern in (
        r"visit the (.+?) (?:store|shop|page)$",
        r"(?:brand|marke|marque|marca|merk|marka|märke|ブランド|العلامة التجارية)\s*[::]\s*(.+)$",
        r"besuch(?:e|en sie) den (.+?)[- ](?:store|shop)$",
        r"visitez la boutique (.+)$",
        r"visiter la boutique (.+)$",
        r"visita lo store di (.+)$",
        r"visita la (?:tienda|store) de (.+)$",
        r"visite a (?:loja|página) (?:da |de |do )?(.+)$",
        r"bezoek de (.+?)[- ](?:store|winkel)$",
        r"(.+?)のストアを表示$",
        r"(.+?) store'u ziyaret edin$",
        r"(.+?) mağazasını ziyaret edin$",
        r"besök (.+?)-butiken$",
        r"odwiedź sklep (.+)$",
        r"(?:by|von|de|di|par|da|por|van)\s+(.+)$",
    )
)

#: Labels of the table row or list entry that holds the ranks.
RANK_LABEL = re.compile(
    r"best sellers? rank|sales rank|bestseller-rang|amazon bestsellers|"
    r"classement des meilleures ventes|"
    r"meilleures ventes|posizione nella classifica bestseller|bestseller di amazon|"
    r"clasificación en los más vendidos|más vendidos de amazon|classificação nos mais vendidos|"
    r"mais vendidos|ranking dos mais|plaats in bestsellerlijst|売れ筋ランキング|"
    r"çok satanlar sıralaması|rangordning för bästsäljare|ranking najlepiej sprzedając|"
    r"تصنيف الأفضل مبيعاً|bestsellers? rank",
    re.I,
)
#: Links and remarks that end the name of a category.
RANK_REMARK = re.compile(r"\([^()]*(?:100|売れ筋)[^()]*\)|の?売れ筋ランキングを見る", re.I)
#: Bullets that are no feature: the fitment notice of car parts, and the button below.
NO_FEATURE_BULLET = re.compile(
    r"make sure this fits|enter your model number|see more product details|geben sie ihr modell|"
    r"passt genau|assurez-vous que|entrez votre modèle|verifica que|asegúrate|introduce (?:el|tu)|"
    r"assicurati|inserisci il tuo|certifique-se|voer je model|controleer of|モデル番号|"
    r"この商品が|report an issue with",
    re.I,
)
