"""The words of an instruction that the checks look for, translated from other human languages to English.

The checks read what an instruction allows: "remove", "instead", "return". A user may write it in another
language. Only the stems of such words are known here, not their grammar: a word too many only makes a check
more lenient, and all checks that need no words still apply.
"""

import re

_STEMS = {
    "remove": (
        r"entfern|lösch|loesch|streich|supprim|enlève|enlev|efface|elimina|elimine|\bborra"
        r"|\bquita|remova|remover\b|\bapag(?:ue|ar)|excluir|exclua|rimuov|cancella\b|togli"
        r"|verwijder|usuń|usun|radera|ta bort|kaldır|odstra[nň]|smaž|удал|убер|убра|видал|删除"
        r"|刪除|移除|去掉|削除|取り除|제거|삭제"
    ),
    "replace": (
        r"ersetz|austausch|tausche?\b|remplac|reemplaz|sustitu|substitua|substituir|sostitui"
        r"|vervang|zastąp|ersätt|byt ut|nahraď|замен|замін|替换|替換|置き換え|置換|교체|바꾸"
    ),
    "rename": (
        r"umbenenn|\bbenenne|renomm|renombr|renome|rinomin|hernoem|переимен|перейменуй|重命名"
        r"|改名|이름"
    ),
    "change": (
        r"änder|aender|modifie[rz]\b|modifica\b|modifique|\bcambia|\bmudar?\b|\bmude\b|alterar"
        r"|wijzig|verander|zmień|ändra|измен|поменя|зміни|修改|改成|改为|変更|변경"
    ),
    "convert": (
        r"umwandel|wandle|konvertier|umschreib|schreibe .* um\b|convertis|convierte|converta"
        r"|converti\b|transforme[rz]\b|reescri[bv]|réécri|riscriv|omzet|преобраз|перепиш"
        r"|перероби|转换|重写|変換|書き換え|변환"
    ),
    "instead": (
        r"\bstatt\b|anstelle|anstatt|au lieu|en lugar|en vez|em vez|ao invés|invece|in plaats"
        r"|zamiast|istället|вместо|замість|而不是|代わりに|대신"
    ),
    "return": (
        r"zurück|zurueck|renvo[iy]|retourne|devuelv|devolv|retorn[ae]|restitui|terugge|zwró"
        r"|zwrac|верн|возвращ|поверн|返回|返す|返し|반환"
    ),
    "only": (
        r"\bnur\b|seulement|uniquement|\bsólo\b|\bsolo\b|solamente|apenas|somente|soltanto"
        r"|alleen|tylko|только|лише|只|だけ"
    ),
    "without": r"\bohne\b|\bsans\b|\bsem\b|\bsenza\b|zonder|\bbez\b|\butan\b|\bбез\b|なし|없이",
    "simplify": (
        r"vereinfach|kürze|simplifie[rz]?\b|simplifica\b|simplifique|semplific|vereenvoudig"
        r"|uprość|förenkla|упрост|спрост|简化|簡略|단순화"
    ),
    "extract": (
        r"extrahier|auslager|lagere|extrais|extraire|extrae\b|extraiga|extraia|estrai|извлек"
        r"|вынес|提取|抽出|추출"
    ),
    "merge": r"zusammenfass|zusammenführ|fusionn|combine[rz]\b|unifica|объедин|合并|統合|병합",
    "move": r"verschieb|déplace|\bmueve|\bmova\b|sposta|verplaats|перемест|移动|移動",
    "unused": (
        r"unbenutz|ungenutz|unbenötig|inutilis|sin usar|não usad|non usat|неиспольз|未使用"
        r"|사용되지"
    ),
    "translate": (
        r"übersetz|tradui|traduce|traduzca|traduza|traduci|vertaal|перевед|переклад|翻译|翻訳"
        r"|번역"
    ),
    "first": (
        r"\berste[rnsm]?\b|premi(?:er|ère)|\bprimer[ao]?\b|primeir[ao]|\bprim[ao]\b|eerste"
        r"|перв|перш|第一|最初"
    ),
    "avoid": r"vermeid|évite|\bevita|\bevite\b|vermijd|избег|избеж|避免|避け",
}
_WORDS = {word: re.compile(stems, re.IGNORECASE) for word, stems in _STEMS.items()}
_QUOTED = re.compile(r"`[^`]*`|\"[^\"]*\"|“[^”]*”|«[^»]*»")


def translate_words(instruction: str) -> str:
    """Return the English words for those of an instruction in another language; quoted text is not one."""
    plain = _QUOTED.sub(" ", instruction)
    return " ".join(word for word, stems in _WORDS.items() if stems.search(plain))
