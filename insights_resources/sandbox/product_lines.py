"""What the sandbox sells: one line of competing products for each marketplace.

Brands, sellers and texts are invented. Category names are of the kind that each site uses; node
ids are invented too.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ProductLine:
    """A kind of product in one marketplace, with the words its pages are written in.

    ``nodes`` are the browse nodes below the top-level category, from wide to deep, each with the
    share of the top-level rank that a rank in it has. ``price_range`` is in the currency's minor
    unit. A title is made of brand, model, noun, a size, a feature and a colour. ``report_template``
    is the industry template of its groups' reports; None: the generic one.
    """

    slug: str
    name: str
    marketplace: str
    top_category: str
    top_slug: str
    nodes: tuple[tuple[str, str, float], ...]
    breadcrumbs: tuple[str, ...]
    noun: str
    models: tuple[str, ...]
    sizes: tuple[str, ...]
    features: tuple[str, ...]
    colours: tuple[str, ...]
    brands: tuple[str, ...]
    bullets: tuple[str, ...]
    descriptions: tuple[str, ...]
    sellers: tuple[str, ...]
    price_range: tuple[int, int]
    edition: str
    report_template: str | None = None
    title_pattern: str = "{brand} {model} {noun}, {size}, {feature}, {colour}"


_US_WATER_BOTTLES = ProductLine(
    slug="us-water-bottles",
    name="Water bottles, US",
    marketplace="amazon.com",
    top_category="Sports & Outdoors",
    top_slug="sporting-goods",
    nodes=(
        ("Camping & Hiking Hydration Products", "3401301", 0.06),
        ("Sports Water Bottles", "3395091", 0.02),
    ),
    breadcrumbs=("Sports & Outdoors", "Sports", "Accessories", "Water Bottles"),
    noun="Insulated Water Bottle",
    models=("Ridge", "Summit", "Trailhead", "Basin", "Mesa", "Switchback", "Cairn"),
    sizes=("18 oz", "24 oz", "32 oz", "40 oz"),
    features=(
        "Leakproof Straw Lid",
        "Double-Wall Stainless Steel",
        "Wide Mouth with Carry Loop",
        "Dishwasher Safe",
    ),
    colours=("Slate Blue", "Matte Black", "Sage", "Desert Sand", "Glacier White"),
    brands=("Harrowfell", "Bluecairn", "Oakmere", "Tindral", "Wexley & Moss", "Northpeel"),
    bullets=(
        "KEEPS COLD FOR 24 HOURS: double-wall vacuum insulation holds the chill from morning"
        " to night & drinks stay hot for 12",
        "LEAKPROOF BY DESIGN: the silicone seal is tested upside down for an hour",
        "FITS YOUR DAY: sized for most cup holders, bike cages and backpack pockets",
        "18/8 STAINLESS STEEL: no plastic taste, no rust, nothing to peel",
        "EASY TO CLEAN: lid and bottle go in the dishwasher (top rack)",
        "WIDE MOUTH: takes ice cubes, tea bags and fruit",
        "LIFETIME WARRANTY: if it ever leaks, we send another",
    ),
    descriptions=(
        "Made for long days outside: a bottle that does not sweat, does not leak and does not"
        " weigh more than it must.",
        "The powder coat keeps its grip when your hands are wet. The lid has three parts and"
        " comes apart without tools.",
        "Every bottle is pressure tested before it leaves the factory.",
    ),
    sellers=("Amazon.com", "TrailGoods Direct", "Cascade Outfitters LLC", "Bottle Barn"),
    price_range=(1699, 3999),
    edition="2025 Edition",
)

_DE_KETTLES = ProductLine(
    slug="de-wasserkocher",
    name="Wasserkocher, Deutschland",
    marketplace="amazon.de",
    top_category="Küche, Haushalt & Wohnen",
    top_slug="kitchen",
    nodes=(
        ("Kaffee, Tee & Espresso", "3169321", 0.08),
        ("Wasserkocher", "3310781", 0.012),
    ),
    breadcrumbs=(
        "Küche, Haushalt & Wohnen",
        "Küchengeräte",
        "Kaffee, Tee & Espresso",
        "Wasserkocher",
    ),
    noun="Wasserkocher",
    models=("Aalto", "Brise", "Linnea", "Quell", "Sturmwind", "Talgrund", "Zephir"),
    sizes=("1,0 Liter", "1,5 Liter", "1,7 Liter"),
    features=(
        "mit Temperatureinstellung 40-100 °C",
        "doppelwandig aus Edelstahl",
        "2200 Watt mit Abschaltautomatik",
        "kabellos mit 360°-Sockel",
    ),
    colours=("Schwarz", "Edelstahl", "Cremeweiß", "Salbeigrün", "Anthrazit"),
    brands=("Kesselhöfer", "Wrangau", "Möllentin", "Oderbruch", "Silberquell", "Hagedornia"),
    bullets=(
        "TEMPERATUR NACH WUNSCH: fünf Stufen von 40 bis 100 °C für Tee, Kaffee & Babynahrung",
        "SCHNELL: kocht einen Liter in weniger als drei Minuten",
        "SICHER: schaltet bei leerem Kessel und beim Abheben von selbst ab",
        "DOPPELWANDIG: bleibt außen kühl und hält das Wasser länger warm",
        "LEICHT ZU REINIGEN: herausnehmbarer Kalkfilter und weite Öffnung",
        "LEISE: gedämpfter Boden, kein Pfeifen am frühen Morgen",
        "3 JAHRE GARANTIE und Ersatzteile aus deutschem Lager",
    ),
    descriptions=(
        "Ein Wasserkocher, der in jede Küche passt: klare Form, wenig Knöpfe, alles mit einer"
        " Hand zu bedienen.",
        "Der Kessel besteht aus Edelstahl 1.4301 und ist frei von BPA. Die Füllanzeige ist von"
        " beiden Seiten zu lesen.",
        "Geeignet für Haushalte mit einer bis sechs Personen.",
    ),
    sellers=("Amazon", "Küchenkontor Nord", "Haushaltswaren Brandt GmbH", "TEEKESSEL-SHOP"),
    price_range=(2499, 8999),
    edition="Modell 2025",
    report_template="electronics",
    title_pattern="{brand} {model} {noun} {size}, {feature}, {colour}",
)

_JP_FLASKS = ProductLine(
    slug="jp-mag-bottles",
    name="水筒・マグボトル",
    marketplace="amazon.co.jp",
    top_category="ホーム＆キッチン",
    top_slug="kitchen",
    nodes=(
        ("弁当箱・水筒", "2422300051", 0.09),
        ("水筒・マグボトル", "2422301051", 0.03),
    ),
    breadcrumbs=("ホーム＆キッチン", "キッチン用品・食器", "弁当箱・水筒", "水筒・マグボトル"),
    noun="水筒 ステンレスマグボトル",
    models=("ナギ", "シズク", "ミナモ", "コダチ", "ハヤセ", "トモシビ", "ユキアカリ"),
    sizes=("350ml", "480ml", "600ml", "800ml"),
    features=("ワンタッチ 真空断熱", "軽量 保温保冷", "食洗機対応", "スクリュー 広口"),
    colours=("ネイビー", "マットブラック", "アイボリー", "若草", "くすみピンク"),
    brands=("霧島製作所", "ミズハラ", "TOKONAMI", "あさぎ堂", "カワセミ工房", "NAGATORO"),
    bullets=(
        "真空断熱構造：朝いれた温かい飲みものが夕方まで続きます",
        "軽量設計：従来品より約20%軽く、毎日の通勤・通学に",
        "お手入れ簡単：せんもパッキンも外して洗えます",
        "広口だから氷もそのまま入ります",
        "漏れにくいロック付きワンタッチせん",
        "本体・ふたともに食洗機対応",
        "保証：お買い上げから1年間",
    ),
    descriptions=(
        "毎日持ち歩くものだから、軽さと手ざわりにこだわりました。",
        "カップホルダーに収まる細身の形。飲み口は分解して隅々まで洗えます。",
        "ギフト包装にも対応しています。",
    ),
    sellers=("Amazon.co.jp", "くらしの道具店", "みなと商会", "ボトルマート"),
    price_range=(1680, 4980),
    edition="2025年モデル",
    title_pattern="{brand} {noun} {model} {size} {feature} {colour}",
)

_FR_LAMPS = ProductLine(
    slug="fr-lampes-de-bureau",
    name="Lampes de bureau, France",
    marketplace="amazon.fr",
    top_category="Luminaires et Éclairage",
    top_slug="lighting",
    nodes=(
        ("Luminaires intérieur", "213081031", 0.1),
        ("Lampes de bureau", "213090031", 0.015),
    ),
    breadcrumbs=(
        "Luminaires et Éclairage",
        "Luminaires intérieur",
        "Lampes",
        "Lampes de bureau",
    ),
    noun="Lampe de bureau LED",
    models=("Aurore", "Belvédère", "Clarté", "Estuaire", "Lucarne", "Mistral", "Rivage"),
    sizes=("6 W", "9 W", "12 W"),
    features=(
        "bras articulé",
        "intensité variable",
        "port USB de recharge",
        "5 températures de couleur",
    ),
    colours=("Noir", "Blanc", "Laiton brossé", "Vert sauge", "Gris anthracite"),
    brands=("Lumévie", "Atelier Sarment", "Brécourt", "Clairmoulin", "Ondéa", "Verrières & Fils"),
    bullets=(
        "LUMIÈRE DOUCE : sans scintillement, confortable pour la lecture & le travail",
        "BRAS ARTICULÉ : trois articulations, une base lestée qui ne bascule pas",
        "INTENSITÉ VARIABLE : dix niveaux et une mémoire du dernier réglage",
        "PORT USB : rechargez votre téléphone à portée de main",
        "ÉCONOME : 80 % de consommation en moins qu’une ampoule à incandescence",
        "MINUTERIE : extinction automatique après 30 ou 60 minutes",
        "GARANTIE 3 ANS et service client à Lyon",
    ),
    descriptions=(
        "Une lampe discrète qui éclaire la page et rien d’autre.",
        "La tête pivote à 180°, le bras se replie et le câble de deux mètres se range dans le"
        " socle.",
        "Livrée avec son adaptateur secteur.",
    ),
    sellers=("Amazon", "Maison Lumière SARL", "Éclairage du Midi", "DECO-LAMPES"),
    price_range=(1999, 7499),
    edition="Édition 2025",
    report_template="electronics",
    title_pattern="{brand} {model} – {noun}, {feature}, {size}, {colour}",
)

_UK_YOGA = ProductLine(
    slug="uk-yoga-mats",
    name="Yoga mats, UK",
    marketplace="amazon.co.uk",
    top_category="Sports & Outdoors",
    top_slug="sports",
    nodes=(("Exercise & Fitness", "319535011", 0.15), ("Yoga Mats", "319567011", 0.01)),
    breadcrumbs=("Sports & Outdoors", "Fitness", "Yoga", "Mats"),
    noun="Yoga Mat",
    models=("Fen", "Heather", "Moorland", "Thistle", "Wharf", "Larkrise", "Dale"),
    sizes=("4 mm", "6 mm", "8 mm"),
    features=(
        "Non-Slip with Carry Strap",
        "Natural Rubber",
        "Extra Long 185 cm",
        "Alignment Lines",
    ),
    colours=("Plum", "Charcoal", "Sea Green", "Blush", "Indigo"),
    brands=("Fernleigh", "Pallister", "Quietmoor", "Stretham", "Wolds & Weald", "Ashby Row"),
    bullets=(
        "GRIPS WHEN IT COUNTS: textured on both sides, stays put on wood & tile",
        "KIND TO KNEES: closed-cell cushioning that does not flatten",
        "ROLLS UP SMALL: carry strap included",
        "WIPE CLEAN: no open pores for sweat to settle in",
        "NO SMELL: made without PVC, latex or phthalates",
        "TWO-YEAR GUARANTEE from our workshop in Leeds",
    ),
    descriptions=(
        "A mat for daily practice at home or in the studio.",
        "The surface grips better with use; air it for a day before the first class.",
    ),
    sellers=("Amazon", "Studio Supplies UK", "The Mat Works Ltd", "HomeGymDirect"),
    price_range=(1499, 5999),
    edition="New for 2025",
)

_IN_BACKPACKS = ProductLine(
    slug="in-laptop-backpacks",
    name="Laptop backpacks, India",
    marketplace="amazon.in",
    top_category="Bags, Wallets and Luggage",
    top_slug="luggage",
    nodes=(("Backpacks", "2917430031", 0.2), ("Laptop Backpacks", "2917432031", 0.05)),
    breadcrumbs=("Bags, Wallets and Luggage", "Backpacks", "Laptop Backpacks"),
    noun="Laptop Backpack",
    models=("Safar", "Nagar", "Deccan", "Himal", "Monsoon", "Udaan", "Yatri"),
    sizes=("25 L", "30 L", "35 L"),
    features=(
        "Water Resistant",
        "15.6 Inch Compartment",
        "with Rain Cover",
        "USB Charging Port",
    ),
    colours=("Navy", "Black", "Grey", "Olive", "Maroon"),
    brands=("Vayuna", "Kotharis", "Parvatix", "Sindhora", "Trikon", "Zamora Gear"),
    bullets=(
        "FITS A 15.6 INCH LAPTOP: padded sleeve, lifted off the ground",
        "RAIN READY: water-resistant fabric & a cover in its own pocket",
        "THREE COMPARTMENTS and an organiser for pens, cards and cables",
        "COMFORT: breathable back panel and adjustable straps",
        "STRONG ZIPS: tested ten thousand times",
        "ONE YEAR WARRANTY across India",
    ),
    descriptions=(
        "For the metro, the office and the weekend train.",
        "Bar-tacked seams at every point that carries weight.",
    ),
    sellers=("Sahyadri Retail", "BagBazaar India", "Urban Carry Store", "Meridian Trading Co"),
    price_range=(89900, 349900),
    edition="2025 Model",
    report_template="fashion",
)

#: In the order in which groups are opened; a seventh group is a second one of the first line.
PRODUCT_LINES = (_US_WATER_BOTTLES, _DE_KETTLES, _JP_FLASKS, _FR_LAMPS, _UK_YOGA, _IN_BACKPACKS)
