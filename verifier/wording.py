"""Every sentence of a report, in English and Russian, by the code of the case.

The sentences are for people who have never heard of a log: one plain statement each, the date in
words, what to do where something can be done. Values go in by name; whoever shows a sentence in
HTML escapes it, since names in it come from the proved directory and from the input.

Longer than other modules because it is one table, which translators read as a whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias

from verifier.strict_json import Json

MAX_VALUE_CHARS: Final = 200
"""Longest value put into a sentence; the rest is cut."""


@dataclass(frozen=True, slots=True)
class Text:
    """One sentence in the two languages of the ledger.

    Attributes:
        en: In English.
        ru: In Russian.
        code: The case in `SENTENCES` that it was made of, for whoever says it in a further language; empty for none.
        values: What was put into it.
    """

    en: str
    ru: str
    code: str = field(default="", compare=False, repr=False)
    values: Mapping[str, object] = field(default_factory=dict, compare=False, repr=False)

    def to_json(self) -> dict[str, Json]:
        """Return `{"en": ..., "ru": ...}`."""
        return {"en": self.en, "ru": self.ru}


@dataclass(frozen=True, slots=True)
class Coded:
    """A reason code of the ledger, shown in words."""

    code: str


Value: TypeAlias = str | int | datetime | timedelta | Coded

_MONTHS_EN: Final = (
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
_MONTHS_RU: Final = (
    "января",
    "февраля",
    "марта",
    "апреля",
    "мая",
    "июня",
    "июля",
    "августа",
    "сентября",
    "октября",
    "ноября",
    "декабря",
)


def say(reason: str, values: Mapping[str, object]) -> Text:
    """Return the sentence of a case.

    Args:
        reason: The case's code; it has to be in `SENTENCES`.
        values: What the sentence names; more than it names is fine.

    Raises:
        KeyError: There is no such case, or it names a value that is not given.
    """
    sentence = SENTENCES[reason]
    return Text(
        sentence.en.format_map({name: _show(value, "en") for name, value in values.items()}),
        # The abbreviation of «year» ends in a full stop; at the end of a sentence one is enough.
        sentence.ru.format_map({name: _show(value, "ru") for name, value in values.items()}).replace("г..", "г."),
        code=reason,
        values=values,
    )


def _show(value: object, language: str) -> str:
    if isinstance(value, datetime):
        return _instant(value.astimezone(UTC), language)
    if isinstance(value, timedelta):
        return _span(value, language)
    if isinstance(value, Coded):
        known = REASONS.get(value.code)
        return value.code[:MAX_VALUE_CHARS] if known is None else getattr(known, language)
    return str(value)[:MAX_VALUE_CHARS]


def _instant(instant: datetime, language: str) -> str:
    month = (_MONTHS_EN if language == "en" else _MONTHS_RU)[instant.month - 1]
    year = f"{instant.year}" if language == "en" else f"{instant.year} г."
    day = f"{instant.day} {month} {year}"
    midnight = (instant.hour, instant.minute, instant.second) == (0, 0, 0)
    return day if midnight else f"{day}, {instant:%H:%M} UTC"


def _span(span: timedelta, language: str) -> str:
    seconds = max(0, int(span.total_seconds()))
    units: Sequence[tuple[int, str, str]] = (
        (86_400, "days", "сут."),
        (3_600, "hours", "ч"),
        (60, "minutes", "мин"),
    )
    for length, english, russian in units:
        if seconds >= 2 * length:
            return f"{seconds // length} {english if language == 'en' else russian}"
    return f"{seconds} {'seconds' if language == 'en' else 'с'}"


REASONS: Final = {
    "issued_in_error": Text("it was issued in error", "выдано по ошибке"),
    "incorrect_data": Text("it held incorrect data", "содержало неверные данные"),
    "academic_misconduct": Text("academic misconduct", "академическая недобросовестность"),
    "assessment_invalidated": Text("the assessment was invalidated", "результат оценивания аннулирован"),
    "withdrawn_by_holder": Text("at the holder's wish", "по желанию владельца"),
    "key_compromise": Text("the signing key was compromised", "ключ подписи скомпрометирован"),
    "accreditation_withdrawn": Text("the accreditation was withdrawn", "аккредитация отозвана"),
    "under_review": Text("it is under review", "идёт проверка"),
    "superseded": Text("a newer one took its place", "выдано новое взамен"),
    "origin_withdrawn": Text(
        "the diploma that it is a part of no longer holds", "диплом, частью которого оно является, утратил силу"
    ),
    "component_lost": Text(
        "an award that it was made of no longer holds", "одно из достижений, из которых оно составлено, утратило силу"
    ),
    "other": Text("another reason, kept by the issuer", "иная причина, известная организации"),
}
"""The ledger's closed list of reason codes, in words."""

SENTENCES: Final = {
    # ── the whole report ──────────────────────────────────────────────────────────────────
    "valid": Text("Genuine and valid.", "Подлинное и действительное."),
    "valid_as_of": Text(
        "Genuine, and valid as of {as_of}.",
        "Подлинное и действительное на {as_of}.",
    ),
    "valid_record": Text(
        "Recorded by the issuer and valid; no document was looked at.",
        "Записано организацией и действительно; сам документ не проверялся.",
    ),
    "valid_record_as_of": Text(
        "Recorded by the issuer and valid as of {as_of}; no document was looked at.",
        "Записано организацией и действительно на {as_of}; сам документ не проверялся.",
    ),
    "not_judged": Text(
        "Not judged, because an earlier check did not pass.",
        "Не проверялось: не пройдена одна из предыдущих проверок.",
    ),
    # ── log: what the evidence stands on ──────────────────────────────────────────────────
    "log_known": Text(
        "The file is signed by a log you trust: {log}.",
        "Файл подписан журналом, которому вы доверяете: {log}.",
    ),
    "log_pinned": Text(
        "The file is signed by the log {log}, whose key was taken on first use, unchecked.",
        "Файл подписан журналом {log}; его ключ принят при первом обращении, без сверки.",
    ),
    "log_known_then": Text(
        "Signed with a key that the log has used until {date}; an independent word shows that this is older.",
        "Подписано ключом, который журнал использовал до {date}; независимое свидетельство показывает,"
        " что файл старше.",
    ),
    "log_retired": Text(
        "Signed with a key that the log has not used since {date}, and nothing independent shows that this is older;"
        " fetch a newer file.",
        "Подписано ключом, который журнал не использует с {date}, и нет независимых доказательств, что файл старше;"
        " получите новый файл.",
    ),
    "unknown_log": Text(
        "The file is from a log you have not said you trust, and no file can vouch for itself.",
        "Файл из журнала, которому вы не выражали доверия; сам за себя файл не ручается.",
    ),
    "log_signature_wrong": Text(
        "The log's signature is wrong: the file was altered.",
        "Подпись журнала неверна: файл изменён.",
    ),
    "checkpoint_malformed": Text(
        "The log's checkpoint in the file cannot be read: the file was altered or damaged.",
        "Контрольная точка журнала не читается: файл изменён или повреждён.",
    ),
    "log_misnamed": Text(
        "The file names another log than the one that signed it: the file was altered.",
        "В файле назван не тот журнал, который его подписал: файл изменён.",
    ),
    "entries_in_log": Text(
        "Every event in the file is in the log.",
        "Каждое событие из файла есть в журнале.",
    ),
    "entry_not_in_log": Text(
        "An event in the file is not in the log: the file was altered or made up.",
        "Одного из событий файла в журнале нет: файл изменён или подделан.",
    ),
    "state_is_last": Text(
        "The state the file speaks of is the log's latest at that point.",
        "Состояние из файла было последним в журнале на тот момент.",
    ),
    "state_wrong": Text(
        "The state the file speaks of is not the log's latest: the file was altered or made up.",
        "Состояние из файла не последнее в журнале: файл изменён или подделан.",
    ),
    "cosigned": Text(
        "Seen by {count} trusted witnesses besides the operator.",
        "Подтверждено доверенными свидетелями помимо оператора: {count}.",
    ),
    "no_witness": Text(
        "No witness you trust has seen this state; your policy asks for none.",
        "Это состояние не видел ни один доверенный свидетель; ваша политика их не требует.",
    ),
    "quorum_not_met": Text(
        "Too few of the witnesses that your policy asks for have seen this state.",
        "Состояние видело меньше свидетелей, чем требует ваша политика.",
    ),
    "cosignature_wrong": Text(
        "A witness's signature in the file is wrong: the file was altered.",
        "Подпись свидетеля в файле неверна: файл изменён.",
    ),
    "fresh_witnessed": Text(
        "Current as of {instant}, on the word of a witness you trust.",
        "Сведения на {instant} со слов доверенного свидетеля.",
    ),
    "fresh_operator": Text(
        "Current as of {instant}, on the word of the log's operator.",
        "Сведения на {instant} со слов оператора журнала.",
    ),
    "stale": Text(
        "The proof is {age} old, too old to say anything about now; fetch a new one.",
        "Доказательству {age}: о нынешнем дне оно не говорит; получите новое.",
    ),
    "no_time": Text(
        "Nobody you trust says when this was the latest state, so there is no telling.",
        "Никто из доверенных не указывает, когда это состояние было последним.",
    ),
    "time_ahead": Text(
        "The file carries a time that has not come yet; check the clock of this computer.",
        "В файле указано время из будущего; проверьте часы компьютера.",
    ),
    "ends_before": Text(
        "The proof ends on {instant}, before the day you asked about; fetch a newer one.",
        "Доказательство заканчивается {instant}, раньше нужной даты; получите новое.",
    ),
    "anchored": Text(
        "The record existed no later than {time}, says an independent time stamp.",
        "Запись существовала не позднее {time}: независимая отметка времени.",
    ),
    "not_anchored": Text(
        "No independent time stamp covers the record yet.",
        "Независимой отметки времени для записи пока нет.",
    ),
    "anchors_unchecked": Text(
        "There are independent time stamps, but none by an authority you trust.",
        "Независимые отметки времени есть, но не от доверенной вами службы.",
    ),
    "anchor_wrong": Text(
        "A time stamp in the file is wrong: the file was altered.",
        "Отметка времени в файле неверна: файл изменён.",
    ),
    "anchor_misnamed": Text(
        "A time stamp in the file is under another name than your policy gives its authority.",
        "Отметка времени в файле названа иначе, чем служба в вашей политике.",
    ),
    # ── stack: of what it was made ────────────────────────────────────────────────────────
    "stack_not_shown": Text(
        "It was stacked from other awards; which ones is not shown here.",
        "Составлено из других достижений; из каких именно, здесь не показано.",
    ),
    "derivation_opened": Text(
        "What it was made of is what the issuer recorded.",
        "Состав тот самый, что зафиксирован организацией.",
    ),
    "derivation_other": Text(
        "What it is said to be made of is not what the issuer recorded.",
        "Указанный состав не совпадает с тем, что зафиксировала организация.",
    ),
    "pathway_published": Text(
        "It was made by published rules: {pathway}, version {version}.",
        "Составлено по опубликованным правилам: {pathway}, версия {version}.",
    ),
    "pathway_other": Text(
        "The rules in the file are not those that it was made by.",
        "Правила в файле не те, по которым оно составлено.",
    ),
    "pathway_missing": Text(
        "The rules that it was made by are not in the file.",
        "В файле нет правил, по которым оно составлено.",
    ),
    "rules_met": Text(
        "What it was made of meets the rules; this was checked again.",
        "Состав отвечает правилам; это проверено заново.",
    ),
    "rules_not_met": Text(
        "What it was made of does not meet the rules.",
        "Состав не отвечает правилам.",
    ),
    "components_proved": Text(
        "The awards that it was made of are in the log as stated: {count}.",
        "Достижения, из которых оно составлено, есть в журнале в указанном виде: {count}.",
    ),
    "components_missing": Text(
        "Some of the awards that it was made of are not proved in the file.",
        "Не все достижения, из которых оно составлено, подтверждены в файле.",
    ),
    "component_not_proved": Text(
        "The proof of an award that it was made of is wrong: the file was altered.",
        "Доказательство одного из достижений, из которых оно составлено, неверно: файл изменён.",
    ),
    "component_differs": Text(
        "An award that it was made of is not as stated.",
        "Одно из достижений, из которых оно составлено, не такое, как указано.",
    ),
    "components_hold": Text(
        "The awards that it was made of still hold.",
        "Достижения, из которых оно составлено, действительны.",
    ),
    "component_lost": Text(
        "An award that it was made of no longer holds.",
        "Одно из достижений, из которых оно составлено, утратило силу.",
    ),
    "component_lost_stands": Text(
        "An award that it was made of no longer holds; by the issuer's rules or decision this one stands.",
        "Одно из достижений, из которых оно составлено, утратило силу; по правилам или решению организации"
        " само оно остаётся в силе.",
    ),
    "stack_in_review": Text(
        "An award that it was made of no longer holds; the issuer is to decide by {date}.",
        "Одно из достижений, из которых оно составлено, утратило силу; организация должна принять решение до {date}.",
    ),
    # ── status: what became of it ─────────────────────────────────────────────────────────
    "history_whole": Text(
        "The log shows its issue and every change, in order.",
        "В журнале видны выдача и все изменения по порядку.",
    ),
    "history_other": Text(
        "The proof is about another credential.",
        "Доказательство относится к другому документу.",
    ),
    "history_broken": Text(
        "The history in the file has a gap or is out of order: the file was altered.",
        "История в файле неполна или перепутана: файл изменён.",
    ),
    "part_not_opened": Text(
        "The file does not show this part under the diploma that was unpacked: it was altered or made up.",
        "Файл не показывает эту часть в составе разделённого диплома: он изменён или подделан.",
    ),
    "history_unreadable": Text(
        "The history holds an event that this program does not know; use a newer one.",
        "В истории есть событие, неизвестное этой программе; обновите её.",
    ),
    "bits_proved": Text(
        "Its place in the status lists is proved.",
        "Его место в списках статусов доказано.",
    ),
    "bits_not_proved": Text(
        "The status in the file is not the log's: the file was altered or made up.",
        "Статус в файле не совпадает с журналом: файл изменён или подделан.",
    ),
    "history_agrees": Text(
        "The history and the status lists agree.",
        "История и списки статусов согласны.",
    ),
    "history_contradicts": Text(
        "The history in the file and the status lists contradict each other.",
        "История в файле и списки статусов противоречат друг другу.",
    ),
    "not_revoked": Text("Not revoked.", "Не отозвано."),
    "revoked_later": Text(
        "Not revoked then; it was revoked on {date}: {why}.",
        "Тогда не было отозвано; отозвано {date}: {why}.",
    ),
    "revoked": Text(
        "Revoked by the issuer on {date}: {why}.",
        "Отозвано выдавшей организацией {date}: {why}.",
    ),
    "replaced": Text(
        "Replaced by a corrected one on {date}: {why}. Ask the holder for the new one.",
        "Заменено исправленным {date}: {why}. Попросите у владельца новое.",
    ),
    "not_suspended": Text("Not suspended.", "Не приостановлено."),
    "suspended": Text(
        "Suspended by the issuer since {date}: {why}. It may be reinstated; ask again later.",
        "Приостановлено с {date}: {why}. Может быть восстановлено; проверьте позже.",
    ),
    "no_successor": Text(
        "The file names no credential that replaces this one.",
        "В файле не названо документа взамен этого.",
    ),
    "successor_proved": Text(
        "The corrected credential is {successor}.",
        "Исправленный документ: {successor}.",
    ),
    "successor_wrong": Text(
        "The credential the file names as the corrected one is not: the file was altered.",
        "Документ, названный в файле исправленным, таковым не является: файл изменён.",
    ),
    # ── dates ─────────────────────────────────────────────────────────────────────────────
    "begun": Text("In force since {date}.", "Действует с {date}."),
    "not_yet_valid": Text(
        "Not yet valid: it comes into force on {date}.",
        "Ещё не действует: вступает в силу {date}.",
    ),
    "no_expiry": Text("It does not expire.", "Бессрочное."),
    "not_expired": Text("It expires on {date}.", "Действует до {date}."),
    "expired": Text("Expired on {date}.", "Срок действия истёк {date}."),
    # ── issuer: who stands behind it ──────────────────────────────────────────────────────
    "issuer_proved": Text(
        "Issued by {issuer}, as the ledger's directory has it.",
        "Выдано организацией {issuer}, как указано в реестре.",
    ),
    "issuer_not_proved": Text(
        "The issuer in the file is not in the log's directory: the file was altered or made up.",
        "Организации из файла нет в реестре журнала: файл изменён или подделан.",
    ),
    "issuer_other": Text(
        "The issuer in the file is not the one that issued this.",
        "Организация в файле не та, что выдала этот документ.",
    ),
    "key_valid": Text(
        "The signing key was the issuer's own when it was used.",
        "Ключ подписи принадлежал организации, когда им подписывали.",
    ),
    "key_unknown": Text(
        "The signing key is not one of the issuer's keys.",
        "Ключ подписи не принадлежит организации.",
    ),
    "key_not_yet_valid": Text(
        "The signing key was used before the issuer put it into use.",
        "Ключ подписи использован раньше, чем введён в действие.",
    ),
    "key_retired": Text(
        "The signing key was used after the issuer had retired it on {date}.",
        "Ключ подписи использован после вывода из действия {date}.",
    ),
    "key_revoked": Text(
        "The signing key was used after the issuer had revoked it on {date}.",
        "Ключ подписи использован после его отзыва {date}.",
    ),
    "key_safe": Text(
        "The signing key is not reported stolen.",
        "О краже ключа подписи не сообщалось.",
    ),
    "compromised_later": Text(
        "The signing key was stolen later; an independent time stamp shows this is older.",
        "Ключ похищен позже: независимая отметка времени старше кражи.",
    ),
    "key_compromised": Text(
        "The signing key was stolen and nothing independent shows this is older; the issuer can issue it again.",
        "Ключ подписи похищен, и независимых доказательств, что документ старше, нет;"
        " организация может выдать его заново.",
    ),
    "signed_anew": Text(
        "This document was signed with a key that was stolen; the issuer signed the award anew on {date}:"
        " ask the holder for the new document.",
        "Этот документ подписан похищенным ключом; {date} организация подписала его заново:"
        " попросите у владельца новый.",
    ),
    "accredited": Text(
        "The issuer was accredited by {by} at the time.",
        "Организация тогда была аккредитована: {by}.",
    ),
    "entitled": Text(
        "The issuer was accredited by {by} at the time for awards of this level, field and kind.",
        "Организация тогда имела аккредитацию на присуждение квалификаций этого уровня, направления и вида: {by}.",
    ),
    "not_entitled": Text(
        "The issuer was accredited that day, but not for an award of this level, field, kind or country.",
        "В день присуждения организация была аккредитована, но не на этот уровень, направление, вид или страну.",
    ),
    "entitlement_unstated": Text(
        "The issuer was accredited within limits, and the award does not state what they ask for.",
        "Аккредитация организации имеет пределы, а в описании присуждённого не указано то, что они ограничивают.",
    ),
    "no_accreditation": Text(
        "No accreditation of the issuer is on record, and nothing is said about one.",
        "Об аккредитации организации в реестре нет записей, и о ней ничего не сказано.",
    ),
    "not_accredited": Text(
        "The issuer was not accredited on the day of the award.",
        "В день присуждения у организации не было аккредитации.",
    ),
    "recorded_unaccredited": Text(
        "Awarded while the issuer was accredited, but recorded when it no longer was.",
        "Присуждено при действующей аккредитации, но записано уже без неё.",
    ),
    # ── genuine: is it what was issued ────────────────────────────────────────────────────
    "no_document": Text(
        "No document was given, so nothing is said about one.",
        "Сам документ не предъявлен, о нём ничего не сказано.",
    ),
    "no_evidence": Text(
        "The document came without proof; ask the holder for the bundle, or check it online.",
        "Документ без доказательства; попросите у владельца пакет или проверьте онлайн.",
    ),
    "document_formed": Text("The document is well formed.", "Документ составлен правильно."),
    "document_malformed": Text(
        "This is not a document of this ledger, or it was damaged.",
        "Это не документ этого реестра, или он повреждён.",
    ),
    "signature_good": Text(
        "The issuer's signature is good.",
        "Подпись организации верна.",
    ),
    "signature_wrong": Text(
        "The document was altered after it was signed, or the issuer never signed it.",
        "Документ изменён после подписания или не подписан организацией.",
    ),
    "signer_agrees": Text(
        "The document names the issuer and the key that signed it.",
        "В документе названы организация и ключ, которым он подписан.",
    ),
    "signer_differs": Text(
        "The document names another issuer or key than the ledger does.",
        "В документе названы не та организация или не тот ключ, что в реестре.",
    ),
    "recorded": Text(
        "It is exactly the document that the ledger recorded when it was issued.",
        "Это именно тот документ, который записан в реестр при выдаче.",
    ),
    "document_altered": Text(
        "It is not the document that the ledger recorded when it was issued.",
        "Это не тот документ, который записан в реестр при выдаче.",
    ),
    "signed_outside": Text(
        "Signed with the issuer's key, but the ledger never recorded it: the key may be stolen.",
        "Подписано ключом организации, но в реестр не внесено: ключ мог быть похищен.",
    ),
    "not_yet_recorded": Text(
        "Signed with the issuer's key, but not in the ledger yet; try again in a few minutes.",
        "Подписано ключом организации, но в реестре пока нет; повторите через несколько минут.",
    ),
    "part_unopened": Text(
        "A part of an unpacked diploma, which the log does not list; ask the holder for the bundle.",
        "Часть разделённого диплома: в журнале они не перечислены; попросите у владельца пакет.",
    ),
    "salt_missing": Text(
        "The secret that ties the document to the ledger is missing; if the person's data"
        " were erased, only the holder still has it.",
        "Нет секрета, связывающего документ с реестром; если данные человека стёрты, он есть только у владельца.",
    ),
    "id_agrees": Text("The document's id is the recorded one.", "Номер документа верен."),
    "id_differs": Text(
        "The document's id is of another credential.",
        "Номер документа относится к другой записи.",
    ),
    "dates_agree": Text("The document's dates are the recorded ones.", "Даты документа верны."),
    "dates_differ": Text(
        "The document's dates are not the recorded ones.",
        "Даты документа расходятся с записанными.",
    ),
    "status_entry_agrees": Text(
        "The document points to its recorded place in the status lists.",
        "Документ указывает на своё место в списках статусов.",
    ),
    "status_entry_differs": Text(
        "The document points to another's place in the status lists.",
        "Документ указывает на чужое место в списках статусов.",
    ),
    "achievement_agrees": Text(
        "What was achieved is what the issuer published: {title}.",
        "Достижение соответствует опубликованному: {title}.",
    ),
    "achievement_differs": Text(
        "What was achieved is described otherwise than the issuer published it.",
        "Достижение описано не так, как опубликовала организация.",
    ),
    "origin_agrees": Text(
        "It is a part of a diploma that was unpacked, a module of the programme {title}.",
        "Это часть разделённого диплома, модуль программы «{title}».",
    ),
    "origin_differs": Text(
        "It is not the module of the programme that it says it is.",
        "Это не тот модуль программы, которым оно себя называет.",
    ),
    "no_achievement": Text(
        "A document of the institution's own making, not an award of a micro-credential that it published.",
        "Документ, составленный самой организацией, а не награда за опубликованный микрокурс.",
    ),
    # ── credentials of the field, not from this ledger ────────────────────────────────────
    "valid_foreign": Text(
        "Signed by {issuer} and in force; nobody here vouches for who that is.",
        "Подписано {issuer} и действует; кто это, здесь никто не подтверждает.",
    ),
    "valid_foreign_as_of": Text(
        "Signed by {issuer} and in force as of {as_of}; nobody here vouches for who that is.",
        "Подписано {issuer} и действует на {as_of}; кто это, здесь никто не подтверждает.",
    ),
    "credential_formed": Text("The credential is well formed.", "Документ составлен правильно."),
    "credential_malformed": Text(
        "This is not a credential in a form that can be read, or it was damaged.",
        "Это не документ известного формата, или он повреждён.",
    ),
    "proof_good": Text(
        "The signature is good, by the key that it names.",
        "Подпись верна и сделана названным ключом.",
    ),
    "proof_wrong": Text(
        "The document was altered after it was signed, or was never signed with this key.",
        "Документ изменён после подписания или не подписан этим ключом.",
    ),
    "proof_unknown": Text(
        "The kind of signature, or what it stands on, cannot be checked here.",
        "Такую подпись или то, на чём она основана, здесь проверить нельзя.",
    ),
    "claims_agree": Text(
        "The token says the same as the credential in it.",
        "Сведения токена и документа в нём совпадают.",
    ),
    "claims_differ": Text(
        "The token and the credential in it contradict each other.",
        "Токен и документ в нём противоречат друг другу.",
    ),
    "disclosures_unread": Text(
        "What the token discloses is not read here under a signature of this kind.",
        "При подписи такого вида раскрытые сведения токена здесь не читаются.",
    ),
    "no_claims": Text("It is no token, so there are no claims to compare.", "Это не токен: сравнивать нечего."),
    "terms_defined": Text(
        "Every word of the document has a meaning that its signature covers.",
        "Значение каждого слова документа определено и покрыто подписью.",
    ),
    "terms_undefined": Text(
        "The document uses words that it does not define: two readers could take them for two things.",
        "В документе есть неопределённые слова: их можно понять по-разному.",
    ),
    "context_unknown": Text(
        "The document takes its words from a vocabulary that is not known here, and none is fetched.",
        "Документ ссылается на словарь, которого здесь нет; из сети словари не берутся.",
    ),
    "contexts_contradict": Text(
        "Two vocabularies that the document names contradict each other: there is no reading of both.",
        "Два словаря, на которые ссылается документ, противоречат друг другу: вместе их не прочесть.",
    ),
    "terms_too_costly": Text(
        "Reading the document would take more work than any honest one needs.",
        "Проверка документа потребовала бы больше работы, чем нужно любому честному.",
    ),
    "no_terms": Text(
        "Its claims have their meaning from its type, not from a vocabulary.",
        "Значение сведений задано типом документа, словаря нет.",
    ),
    "members_present": Text(
        "Everything that an Open Badge has to say is there.",
        "Всё, что обязательно для Open Badge, на месте.",
    ),
    "members_missing": Text(
        "It calls itself an Open Badge and lacks what every Open Badge has to say.",
        "Документ назван Open Badge, но обязательных сведений в нём нет.",
    ),
    "not_open_badge": Text(
        "It is no Open Badge, so nothing of one is asked of it.",
        "Это не Open Badge, и его требования не применяются.",
    ),
    "no_schema": Text("It names no schema.", "Схема не указана."),
    "schema_unchecked": Text(
        "It names a schema, which was not fetched and not compared.",
        "Указана схема; она не загружалась и не сверялась.",
    ),
    "holder_bound": Text(
        "Whoever showed it has the holder's key.",
        "Предъявитель владеет ключом, на который выдан документ.",
    ),
    "holder_wrong": Text(
        "Whoever showed it does not have the key of the holder that is named.",
        "У предъявителя нет ключа названного владельца.",
    ),
    "holder_unknown": Text(
        "The key of the holder that is named cannot be had, so there is no telling.",
        "Ключ названного владельца недоступен: проверить нельзя.",
    ),
    "holder_not_shown": Text(
        "Nobody showed a key of the holder's; nothing is said about who holds it.",
        "Ключ владельца не предъявлен; о владельце ничего не сказано.",
    ),
    "identity_self": Text(
        "A key that is known; who holds it is the issuer's own word.",
        "Ключ известен; кто им владеет, известно лишь со слов организации.",
    ),
    "identity_domain": Text(
        "The issuer's identity is the word of whoever runs {domain}.",
        "Личность организации известна со слов владельца {domain}.",
    ),
    "identity_directory": Text(
        "An institution in this ledger's directory: {issuer}.",
        "Организация из каталога этого реестра: {issuer}.",
    ),
    "issuer_key_bound": Text(
        "The signing key belongs to the issuer that the document names.",
        "Ключ подписи принадлежит названной организации.",
    ),
    "issuer_key_other": Text(
        "The signing key does not belong to the issuer that the document names.",
        "Ключ подписи не принадлежит названной организации.",
    ),
    "issuer_key_off": Text(
        "The issuer's keys are on the network, and this verifier does not use it.",
        "Ключи организации находятся в сети, а проверка работает без неё.",
    ),
    "issuer_key_chain": Text(
        "The issuer's key comes in a certificate chain, and it leads to nobody whom this verifier was told to trust.",
        "Ключ организации заверен цепочкой сертификатов, но она не ведёт к тому, кому здесь велено доверять.",
    ),
    "issuer_key_unreachable": Text(
        "The issuer's keys could not be had; try again later.",
        "Ключи организации получить не удалось; повторите позже.",
    ),
    "list_good": Text(
        "The status list that it names is signed by its issuer.",
        "Указанный список статусов подписан той же организацией.",
    ),
    "list_off": Text(
        "Its status list is on the network, and this verifier does not use it: it may have been revoked.",
        "Список статусов находится в сети, а проверка работает без неё: документ мог быть отозван.",
    ),
    "list_unreachable": Text(
        "Its status list could not be had: it may have been revoked; try again later.",
        "Список статусов получить не удалось: документ мог быть отозван; повторите позже.",
    ),
    "list_unusable": Text(
        "Its status list is not in order, so there is no telling whether it was revoked.",
        "Список статусов негоден: неизвестно, отозван ли документ.",
    ),
    "status_kind_unknown": Text(
        "It says where its status is in a way that is not known here: it may have been revoked.",
        "Способ узнать статус здесь неизвестен: документ мог быть отозван.",
    ),
    "list_says_now": Text(
        "The status list speaks of now alone; how it was on the day you asked about is not known.",
        "Список статусов говорит лишь о настоящем; что было в нужный день, неизвестно.",
    ),
    "no_status": Text(
        "It names no status list: its issuer keeps no way to revoke it.",
        "Список статусов не указан: отозвать документ организация не может.",
    ),
    "no_revocation_entry": Text("It cannot be revoked by a list.", "Отзыв по списку не предусмотрен."),
    "no_suspension_entry": Text("It cannot be suspended by a list.", "Приостановка по списку не предусмотрена."),
    "list_no_revocation": Text("Not revoked, says its issuer's list.", "Не отозвано, судя по списку организации."),
    "list_no_suspension": Text(
        "Not suspended, says its issuer's list.", "Не приостановлено, судя по списку организации."
    ),
    "list_revocation": Text("Revoked, says its issuer's list.", "Отозвано, судя по списку организации."),
    "list_suspension": Text(
        "Suspended, says its issuer's list. It may be reinstated; ask again later.",
        "Приостановлено, судя по списку организации. Может быть восстановлено; проверьте позже.",
    ),
    "not_known_here": Text(
        "Signed with the key of an institution of this ledger, and this ledger does not know the document by its id:"
        " ask the institution.",
        "Подписано ключом организации этого реестра, но документа с таким номером реестр не знает:"
        " обратитесь в организацию.",
    ),
    "no_begin": Text("It names no day on which it comes into force.", "День вступления в силу не указан."),
    "log_foreign": Text(
        "Not from this ledger: no log was asked, so nothing shows that it was not made in secret or back-dated.",
        "Документ не из этого реестра: журнал не опрашивался, и выдачу задним числом исключить нельзя.",
    ),
    # ── presentations ─────────────────────────────────────────────────────────────────────
    "valid_presentation": Text(
        "Every credential that was shown is valid.",
        "Все предъявленные документы действительны.",
    ),
    "presentation_formed": Text("The presentation is well formed.", "Подборка документов составлена правильно."),
    "presentation_malformed": Text(
        "This is not a presentation in a form that can be read, or it was damaged.",
        "Это не подборка документов известного формата, или она повреждена.",
    ),
    "credentials_valid": Text("Valid, all {count} of them.", "Действительны все: {count}."),
    "credentials_invalid": Text(
        "At least one of the credentials that were shown is not valid.",
        "Среди предъявленных документов есть недействительный.",
    ),
    "credentials_unknown": Text(
        "For at least one of the credentials that were shown there is no telling.",
        "По крайней мере об одном из предъявленных документов судить нельзя.",
    ),
    # ── a document of this ledger in another form ─────────────────────────────────────────
    "form_covered": Text(
        "Not compared word for word in this form; the ledger's record covers the whole of it.",
        "В этой форме не сверялось дословно; запись реестра покрывает документ целиком.",
    ),
    # ── what a report says nothing about ──────────────────────────────────────────────────
    "not_checked_person": Text(
        "Whether the person showing this is the person it was issued to.",
        "Тот ли это человек, которому документ выдан.",
    ),
    "not_checked_later": Text(
        "What the log recorded after {instant}, back-dated changes included.",
        "Что записано в журнал после {instant}, в том числе задним числом.",
    ),
    "not_checked_suspensions": Text(
        "Suspensions that were lifted again before {instant}, if the file leaves them out.",
        "Приостановки, снятые до {instant}, если они опущены в файле.",
    ),
    "not_checked_identity": Text(
        "Whether the issuer is who its name says, and whether it was entitled to issue this.",
        "Та ли это организация, чьё имя указано, и имела ли она право выдать документ.",
    ),
    "not_checked_challenge": Text(
        "Whether it was shown to you and now: the presentation's challenge and domain were not compared.",
        "Предъявлено ли это вам и сейчас: вызов и домен подборки не сверялись.",
    ),
    "not_checked_operator": Text(
        "Whether the operator showed others another log; only witnesses rule that out.",
        "Не показывал ли оператор другим иной журнал: это исключают лишь свидетели.",
    ),
}
"""Every case that a check or a report can end in. Codes are stable; wording may improve."""
