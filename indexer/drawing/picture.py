"""The picture of a look: every kind of garment, and the function that draws it."""

from collections.abc import Callable

from PIL import Image

from indexer.drawing import accessories, bottoms, dresses, outerwear, shoes, tops
from indexer.drawing.sheet import Look, Sheet

DRAWINGS: dict[str, Callable[[Sheet], None]] = {
    "T-shirt": tops.t_shirt,
    "long-sleeve top": tops.long_sleeve,
    "blouse": tops.blouse,
    "shirt": tops.shirt,
    "tank top": tops.tank_top,
    "polo shirt": tops.polo,
    "jumper": tops.jumper,
    "cardigan": tops.cardigan,
    "hoodie": outerwear.hoodie,
    "jacket": outerwear.jacket,
    "coat": outerwear.coat,
    "dress": dresses.dress,
    "skirt": dresses.skirt,
    "trousers": bottoms.trousers,
    "jeans": bottoms.jeans,
    "shorts": bottoms.shorts,
    "leggings": bottoms.leggings,
    "boots": shoes.boots,
    "trainers": shoes.trainers,
    "sandals": shoes.sandals,
    "pumps": shoes.pumps,
    "hat": accessories.hat,
    "cap": accessories.cap,
    "beanie": accessories.beanie,
    "bag": accessories.bag,
    "backpack": accessories.backpack,
    "scarf": accessories.scarf,
    "gloves": accessories.gloves,
    "socks": accessories.socks,
    "belt": accessories.belt,
    "tie": accessories.tie,
}


def picture(look: Look) -> Image.Image:
    """The drawing of a look: equal looks give equal pixels."""
    sheet = Sheet(look)
    DRAWINGS[look.kind](sheet)
    return sheet.image()
