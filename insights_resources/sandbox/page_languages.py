"""How each marketplace writes its pages: numbers, amounts, dates, labels and phrases."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

NBSP = "\u00a0"
NARROW_NBSP = "\u202f"


def _grouped(whole: int, separator: str, *, lakh: bool = False) -> str:
    text = str(whole)
    if not lakh or len(text) <= 3:
        return f"{whole:,}".replace(",", separator)
    head, tail = text[:-3], text[-3:]
    pairs: list[str] = []
    while head:
        pairs.insert(0, head[-2:])
        head = head[:-2]
    return separator.join([*pairs, tail])


@dataclass(frozen=True)
class PriceParts:
    """An amount as the modern layout splits it into spans."""

    symbol: str
    whole: str
    decimal: str
    fraction: str
    symbol_first: bool
    text: str


@dataclass(frozen=True)
class PageLanguage:
    """The language and number forms of one marketplace.

    ``phrases`` hold the labels; those with ``{}`` take a value. ``classic_price`` and
    ``modern_price`` are the two layouts' forms of an amount (``{}`` is the number).
    """

    tag: str
    site: str
    decimals: int
    group: str
    decimal: str
    symbol: str
    symbol_first: bool
    modern_price: str
    classic_price: str
    months: tuple[str, ...]
    date_pattern: str
    percent: str
    rank_prefix: str
    phrases: dict[str, str] = field(default_factory=dict)
    modern_group: str | None = None
    lakh: bool = False

    def number(self, value: Decimal, group: str | None = None) -> str:
        """An amount's number without its currency."""
        whole, _, fraction = f"{value:.{self.decimals}f}".partition(".")
        text = _grouped(int(whole), self.group if group is None else group, lakh=self.lakh)
        return f"{text}{self.decimal}{fraction}" if fraction else text

    def classic(self, value: Decimal) -> str:
        return self.classic_price.format(self.number(value))

    def modern(self, value: Decimal) -> str:
        return self.modern_price.format(self.number(value, self.modern_group))

    def parts(self, value: Decimal) -> PriceParts:
        whole, _, fraction = self.number(value, self.modern_group).rpartition(self.decimal)
        if not self.decimals:
            whole, fraction = self.number(value, self.modern_group), ""
        return PriceParts(
            self.symbol,
            whole,
            self.decimal if fraction else "",
            fraction,
            self.symbol_first,
            self.modern(value),
        )

    def count(self, value: int, *, modern: bool = False) -> str:
        group = self.modern_group if modern and self.modern_group is not None else self.group
        return _grouped(value, group, lakh=self.lakh)

    def rank(self, value: int, *, english_separator: bool) -> str:
        """A rank; German and French pages write it with either separator."""
        return _grouped(value, "," if english_separator else self.group, lakh=self.lakh)

    def stars(self, rating: Decimal) -> str:
        return self.phrases["stars"].format(self.short_rating(rating))

    def short_rating(self, rating: Decimal) -> str:
        """A rating's number, always with one decimal: 4.0."""
        return f"{rating:.1f}".replace(".", self.decimal)

    def day(self, value: date) -> str:
        return self.date_pattern.format(
            day=value.day, month=self.months[value.month - 1], number=value.month, year=value.year
        )

    def percentage(self, value: int) -> str:
        return self.percent.format(value)


_ENGLISH_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)

_ENGLISH = {
    "stars": "{} out of 5 stars",
    "ratings": "{} ratings",
    "ratings_label": "{} Reviews",
    "list_price": "List Price:",
    "price": "Price:",
    "sale": "Sale:",
    "deal_price": "Deal of the Day:",
    "deal_badge": "Limited time deal",
    "you_save": "You Save:",
    "savings": "{price} with {percent} percent savings",
    "in_stock": "In Stock",
    "limited": "Only {} left in stock - order soon.",
    "unavailable": "Currently unavailable.",
    "unavailable_more": "We don't know when or if this item will be back in stock.",
    "restocking": "Temporarily out of stock.",
    "restocking_more": "We are working hard to be back in stock as soon as possible.",
    "available_from": "Available from",
    "these_sellers": "these sellers",
    "preorder": "This item will be released on {}.",
    "preorder_button": "Pre-order now",
    "add_to_cart": "Add to Cart",
    "buy_now": "Buy Now",
    "see_all": "See All Buying Options",
    "to_buy": "To buy, select",
    "size": "Size",
    "sold_by_amazon": "Ships from and sold by {}.",
    "sold_by": "Sold by",
    "and_fulfilled": "and Fulfilled by Amazon.",
    "ships_from": "Ships from",
    "visit_store": "Visit the {} Store",
    "brand_line": "Brand: {}",
    "about": "About this item",
    "description": "Product Description",
    "details": "Product details",
    "information": "Product information",
    "technical": "Technical Details",
    "additional": "Additional Information",
    "bsr": "Best Sellers Rank",
    "rank_top": "#{rank} in {category}",
    "rank_in": "#{rank} in ",
    "see_top": "See Top 100 in {}",
    "reviews_row": "Customer Reviews",
    "first_available": "Date First Available",
    "manufacturer": "Manufacturer",
    "brand": "Brand",
    "colour": "Color",
    "dimensions": "Package Dimensions",
    "subscribe": "Subscribe & Save:",
    "one_time": "One-time purchase:",
    "coupon": "Coupon",
    "apply_coupon": "Apply {} coupon",
    "terms": "Terms",
    "used_row": "Buy used - Very Good",
    "used_seller": "Amazon Resale",
    "new_from": "New ({}) from",
    "new_used_from": "New & Used ({}) from",
    "other_sellers": "Other Sellers on Amazon",
    "lowest_recent": "Lowest price in the last 30 days:",
    "previous_price": "Previous price",
    "also_viewed": "Customers who viewed this item also viewed",
    "sponsored": "Sponsored products related to this item",
    "reviews": "Customer reviews",
    "review_stub": "Helpful? {} people found this helpful",
    "free_delivery": "FREE delivery {} on orders over {}",
    "undeliverable": "This item cannot be shipped to your selected delivery location.",
    "undeliverable_more": "Please choose a different delivery location.",
    "learn_more": "Learn more",
    "variation_from": "1 option from {}",
    "expand": "See more product details",
    "back": "Back to results",
    "search": "Search",
    "robot_title": "Enter the characters you see below",
    "robot_text": "Sorry, we just need to make sure you're not a robot. For best results, please"
    " make sure your browser is accepting cookies.",
    "robot_button": "Continue shopping",
    "not_found": "Sorry! We couldn't find that page. Try searching or go to Amazon's home page.",
    "page_not_found": "Page Not Found",
}

_GERMAN = {
    "stars": "{} von 5 Sternen",
    "ratings": "{} Sternebewertungen",
    "ratings_label": "{} Rezensionen",
    "list_price": "UVP:",
    "price": "Preis:",
    "sale": "Jetzt:",
    "deal_price": "Angebot des Tages:",
    "deal_badge": "Befristetes Angebot",
    "you_save": "Sie sparen:",
    "savings": "{price} mit {percent} Prozent Einsparungen",
    "in_stock": "Auf Lager",
    "limited": "Nur noch {} auf Lager",
    "unavailable": "Derzeit nicht verfügbar.",
    "unavailable_more": "Ob und wann dieser Artikel wieder vorrätig sein wird, ist unbekannt.",
    "restocking": "Vorübergehend nicht auf Lager.",
    "restocking_more": "Wir bemühen uns, den Artikel bald wieder vorrätig zu haben.",
    "available_from": "Erhältlich bei",
    "these_sellers": "diesen Anbietern",
    "preorder": "Dieser Artikel erscheint am {}.",
    "preorder_button": "Jetzt vorbestellen",
    "add_to_cart": "In den Einkaufswagen",
    "buy_now": "Jetzt kaufen",
    "see_all": "Alle Angebote",
    "to_buy": "Zum Kaufen bitte wählen:",
    "size": "Größe",
    "sold_by_amazon": "Verkauf und Versand durch {}.",
    "sold_by": "Verkauf durch",
    "and_fulfilled": "und Versand durch Amazon.",
    "sold_label": "Verkäufer",
    "ships_from": "Versender",
    "visit_store": "Besuche den {}-Store",
    "brand_line": "Marke: {}",
    "about": "Info zu diesem Artikel",
    "description": "Produktbeschreibung",
    "details": "Produktinformation",
    "information": "Produktinformationen",
    "technical": "Technische Details",
    "additional": "Zusätzliche Produktinformationen",
    "bsr": "Amazon Bestseller-Rang",
    "rank_top": "Nr. {rank} in {category}",
    "rank_in": "Nr. {rank} in ",
    "see_top": "Siehe Top 100 in {}",
    "reviews_row": "Kundenrezensionen",
    "first_available": "Im Angebot von Amazon.de seit",
    "manufacturer": "Hersteller",
    "brand": "Marke",
    "colour": "Farbe",
    "dimensions": "Verpackungsabmessungen",
    "subscribe": "Spar-Abo",
    "one_time": "Einmalige Lieferung:",
    "coupon": "Coupon",
    "apply_coupon": "{} Coupon anwenden",
    "terms": "Bedingungen",
    "used_row": "Gebraucht kaufen: Sehr gut",
    "used_seller": "Amazon Retourenkauf",
    "new_from": "Neu ({}) ab",
    "new_used_from": "Neu & gebraucht ({}) ab",
    "other_sellers": "Andere Verkäufer auf Amazon",
    "lowest_recent": "Niedrigster Preis der letzten 30 Tage:",
    "previous_price": "Vorheriger Preis",
    "also_viewed": "Kunden, die diesen Artikel angesehen haben, haben auch angesehen",
    "sponsored": "Gesponserte Produkte zu diesem Artikel",
    "reviews": "Kundenrezensionen",
    "review_stub": "{} Personen fanden diese Informationen hilfreich",
    "free_delivery": "GRATIS-Lieferung {} für Bestellungen ab {}",
    "undeliverable": "Dieser Artikel kann nicht an den von dir ausgewählten Lieferort versendet"
    " werden.",
    "undeliverable_more": "Wähle einen anderen Lieferort.",
    "learn_more": "Mehr erfahren",
    "variation_from": "1 Option ab {}",
    "expand": "Weitere Produktdetails",
    "back": "Zurück zu den Ergebnissen",
    "search": "Suche",
    "robot_title": "Geben Sie die Zeichen unten ein",
    "robot_text": "Wir bitten um Ihr Verständnis und wollen uns sicher sein dass Sie kein Bot"
    " sind. Für beste Resultate, verwenden Sie bitte einen Browser der Cookies akzeptiert.",
    "robot_button": "Weiter shoppen",
    "not_found": "Tut uns leid! Wir konnten diese Seite nicht finden. Versuchen Sie es mit der"
    " Suche oder gehen Sie zur Amazon-Startseite.",
    "page_not_found": "Seite wurde nicht gefunden.",
}

_FRENCH = {
    "stars": "{} sur 5" + NBSP + "étoiles",
    "ratings": "{} évaluations",
    "ratings_label": "{} Commentaires",
    "list_price": "Prix conseillé" + NBSP + ":",
    "price": "Prix" + NBSP + ":",
    "sale": "Prix" + NBSP + ":",
    "deal_price": "Offre du jour" + NBSP + ":",
    "deal_badge": "Offre à durée limitée",
    "you_save": "Économisez" + NBSP + ":",
    "savings": "{price} avec {percent} pour cent d'économies",
    "in_stock": "En stock",
    "limited": "Il ne reste plus que {} exemplaire(s) en stock.",
    "unavailable": "Actuellement indisponible.",
    "unavailable_more": "Nous ne savons pas quand cet article sera de nouveau approvisionné ni"
    " s'il le sera.",
    "restocking": "Temporairement en rupture de stock.",
    "restocking_more": "Nous faisons notre possible pour le réapprovisionner rapidement.",
    "available_from": "Disponible auprès de",
    "these_sellers": "ces vendeurs",
    "preorder": "Cet article paraîtra le {}.",
    "preorder_button": "Précommander maintenant",
    "add_to_cart": "Ajouter au panier",
    "buy_now": "Acheter cet article",
    "see_all": "Voir toutes les offres",
    "to_buy": "Pour acheter, sélectionnez",
    "size": "Taille",
    "sold_by_amazon": "Expédié et vendu par {}.",
    "sold_by": "Vendu par",
    "and_fulfilled": "et expédié par Amazon.",
    "sold_label": "Vendeur",
    "ships_from": "Expéditeur",
    "visit_store": "Visiter la boutique {}",
    "brand_line": "Marque" + NBSP + ": {}",
    "about": "À propos de cet article",
    "description": "Description du produit",
    "details": "Détails sur le produit",
    "information": "Informations sur le produit",
    "technical": "Descriptif technique",
    "additional": "Informations complémentaires",
    "bsr": "Classement des meilleures ventes d'Amazon",
    "rank_top": "{rank} en {category}",
    "rank_in": "{rank} en ",
    "see_top": "Voir les 100 premiers en {}",
    "reviews_row": "Commentaires client",
    "first_available": "Date de mise en ligne sur Amazon.fr",
    "manufacturer": "Fabricant",
    "brand": "Marque",
    "colour": "Couleur",
    "dimensions": "Dimensions du colis",
    "subscribe": "Prévoyez et Économisez" + NBSP + ":",
    "one_time": "Achat unique" + NBSP + ":",
    "coupon": "Coupon",
    "apply_coupon": "Utiliser le coupon de {}",
    "terms": "Conditions",
    "used_row": "Acheter d'occasion - Très bon",
    "used_seller": "Amazon Seconde main",
    "new_from": "Neufs ({}) à partir de",
    "new_used_from": "Neufs & occasions ({}) à partir de",
    "other_sellers": "Autres vendeurs sur Amazon",
    "lowest_recent": "Prix le plus bas des 30 derniers jours" + NBSP + ":",
    "previous_price": "Ancien prix",
    "also_viewed": "Les clients qui ont consulté cet article ont également regardé",
    "sponsored": "Produits sponsorisés liés à cet article",
    "reviews": "Commentaires client",
    "review_stub": "{} personnes ont trouvé cela utile",
    "free_delivery": "Livraison GRATUITE {} dès {} d'achat",
    "undeliverable": "Cet article ne peut pas être expédié à l'adresse sélectionnée.",
    "undeliverable_more": "Veuillez choisir une autre adresse de livraison.",
    "learn_more": "En savoir plus",
    "variation_from": "1 option à partir de {}",
    "expand": "Plus de détails sur le produit",
    "back": "Retour aux résultats",
    "search": "Rechercher",
    "robot_title": "Saisissez les caractères que vous voyez ci-dessous",
    "robot_text": "Toutes nos excuses, nous voulons juste nous assurer que vous n'êtes pas un"
    " robot. Pour de meilleurs résultats, assurez-vous que votre navigateur accepte les cookies.",
    "robot_button": "Continuer les achats",
    "not_found": "Désolés, nous n'avons pas trouvé cette page. Essayez une recherche ou retournez"
    " à la page d'accueil.",
    "page_not_found": "Page introuvable",
}

_JAPANESE = {
    "stars": "5つ星のうち{}",
    "ratings": "{}個の評価",
    "ratings_label": "{} レビュー",
    "list_price": "参考価格:",
    "price": "価格:",
    "sale": "セール価格:",
    "deal_price": "特選タイムセール:",
    "deal_badge": "タイムセール",
    "you_save": "OFF:",
    "savings": "{price}、{percent}パーセントの割引",
    "in_stock": "在庫あり。",
    "limited": "残り{}点 ご注文はお早めに",
    "unavailable": "現在在庫切れです。",
    "unavailable_more": "この商品の再入荷予定は立っておりません。",
    "restocking": "一時的に在庫切れ; 入荷時期は未定です。",
    "restocking_more": "入荷しだいお知らせします。",
    "available_from": "こちらから購入できます：",
    "these_sellers": "出品者",
    "preorder": "この商品の発売予定日は{}です。",
    "preorder_button": "今すぐ予約注文",
    "add_to_cart": "カートに入れる",
    "buy_now": "今すぐ買う",
    "see_all": "すべての出品を見る",
    "to_buy": "購入するには選択してください：",
    "size": "サイズ",
    "sold_by_amazon": "この商品は、{} が販売および発送します。",
    "sold_by": "この商品は、",
    "and_fulfilled": " が販売し、Amazon.co.jp が発送します。",
    "sold_label": "販売元",
    "ships_from": "出荷元",
    "visit_store": "{}のストアを表示",
    "brand_line": "ブランド: {}",
    "about": "この商品について",
    "description": "商品の説明",
    "details": "登録情報",
    "information": "商品の情報",
    "technical": "詳細情報",
    "additional": "登録情報",
    "bsr": "Amazon 売れ筋ランキング",
    "rank_top": "- {rank}位{category}",
    "rank_in": "- {rank}位",
    # In tables the name comes first, as a link in the deeper nodes.
    "rank_top_table": "{category} - {rank}位",
    "rank_in_table": " - {rank}位",
    "see_top": "{}の売れ筋ランキングを見る",
    "reviews_row": "カスタマーレビュー",
    "first_available": "Amazon.co.jp での取り扱い開始日",
    "manufacturer": "メーカー",
    "brand": "ブランド",
    "colour": "色",
    "dimensions": "梱包サイズ",
    "subscribe": "定期おトク便:",
    "one_time": "通常の注文:",
    "coupon": "クーポン",
    "apply_coupon": "{}OFF クーポンの適用",
    "terms": "規約",
    "used_row": "中古品を購入 - 非常に良い",
    "used_seller": "Amazonアウトレット",
    "new_from": "新品 ({})点：",
    "new_used_from": "新品＆中古品 ({})点：",
    "other_sellers": "Amazonの他の出品者",
    "lowest_recent": "過去30日間の最安値:",
    "previous_price": "過去価格",
    "also_viewed": "この商品を見た人はこんな商品も見ています",
    "sponsored": "この商品に関連するスポンサープロダクト",
    "reviews": "カスタマーレビュー",
    "review_stub": "{}人のお客様がこれが役に立ったと考えています",
    "free_delivery": "無料配送 {} {}以上のご注文",
    "undeliverable": "この商品は選択したお届け先に配送できません。",
    "undeliverable_more": "別のお届け先を選択してください。",
    "learn_more": "詳細はこちら",
    "variation_from": "1つの選択肢: {}",
    "expand": "商品の詳細を見る",
    "back": "検索結果に戻る",
    "search": "検索",
    "robot_title": "下に表示されている文字を入力してください",
    "robot_text": "申し訳ありませんが、お客様がロボットでないことを確認させていただく必要が"
    "あります。最良のかたちでアクセスしていただくために、お使いのブラウザがクッキーを受け"
    "入れていることをご確認ください。",
    "robot_button": "ショッピングを続ける",
    "not_found": "申し訳ございません。ページが見つかりません。検索するか、ホームページに戻って"
    "ください。",
    "page_not_found": "ページが見つかりません",
}

_US = PageLanguage(
    tag="en-us",
    site="Amazon.com",
    decimals=2,
    group=",",
    decimal=".",
    symbol="$",
    symbol_first=True,
    modern_price="${}",
    classic_price="${}",
    months=_ENGLISH_MONTHS,
    date_pattern="{month} {day}, {year}",
    percent="{}%",
    rank_prefix="#",
    phrases=_ENGLISH,
)

_DE = PageLanguage(
    tag="de-de",
    site="Amazon.de",
    decimals=2,
    group=".",
    decimal=",",
    symbol="€",
    symbol_first=False,
    modern_price="{}€",
    classic_price="{}" + NBSP + "€",
    months=(
        "Januar",
        "Februar",
        "März",
        "April",
        "Mai",
        "Juni",
        "Juli",
        "August",
        "September",
        "Oktober",
        "November",
        "Dezember",
    ),
    date_pattern="{day}. {month} {year}",
    percent="{}" + NBSP + "%",
    rank_prefix="Nr. ",
    phrases=_GERMAN,
)

_FR = PageLanguage(
    tag="fr-fr",
    site="Amazon.fr",
    decimals=2,
    group=NBSP,
    decimal=",",
    symbol="€",
    symbol_first=False,
    modern_price="{}€",
    classic_price="{}" + NBSP + "€",
    months=(
        "janvier",
        "février",
        "mars",
        "avril",
        "mai",
        "juin",
        "juillet",
        "août",
        "septembre",
        "octobre",
        "novembre",
        "décembre",
    ),
    date_pattern="{day} {month} {year}",
    percent="{}" + NBSP + "%",
    rank_prefix="",
    phrases=_FRENCH,
    modern_group=NARROW_NBSP,
)

_JP = PageLanguage(
    tag="ja-jp",
    site="Amazon.co.jp",
    decimals=0,
    group=",",
    decimal=".",
    symbol="￥",
    symbol_first=True,
    modern_price="￥{}",
    classic_price="￥" + NBSP + "{}",
    months=tuple(str(month) for month in range(1, 13)),
    date_pattern="{year}年{number}月{day}日",
    percent="{}%",
    rank_prefix="",
    phrases=_JAPANESE,
)

_GB = PageLanguage(
    tag="en-gb",
    site="Amazon.co.uk",
    decimals=2,
    group=",",
    decimal=".",
    symbol="£",
    symbol_first=True,
    modern_price="£{}",
    classic_price="£{}",
    months=_ENGLISH_MONTHS,
    date_pattern="{day} {month} {year}",
    percent="{}%",
    rank_prefix="",
    phrases=_ENGLISH
    | {
        "list_price": "RRP:",
        "in_stock": "In stock",
        "limited": "Only {} left in stock.",
        "sold_by_amazon": "Dispatched from and sold by {}.",
        "undeliverable": "This item cannot be dispatched to your selected delivery location.",
        "ships_from": "Dispatches from",
        "rank_top": "{rank} in {category}",
        "rank_in": "{rank} in ",
        "colour": "Colour",
        "add_to_cart": "Add to Basket",
    },
)

_IN = PageLanguage(
    tag="en-in",
    site="Amazon.in",
    decimals=2,
    group=",",
    decimal=".",
    symbol="₹",
    symbol_first=True,
    modern_price="₹{}",
    classic_price="₹" + NBSP + "{}",
    months=_ENGLISH_MONTHS,
    date_pattern="{day} {month} {year}",
    percent="{}%",
    rank_prefix="#",
    phrases=_ENGLISH | {"list_price": "M.R.P.:", "in_stock": "In stock", "colour": "Colour"},
    lakh=True,
)

PAGE_LANGUAGES: dict[str, PageLanguage] = {
    "amazon.com": _US,
    "amazon.de": _DE,
    "amazon.fr": _FR,
    "amazon.co.jp": _JP,
    "amazon.co.uk": _GB,
    "amazon.in": _IN,
}
