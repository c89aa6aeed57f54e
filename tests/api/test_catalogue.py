"""A further language by one file: a gettext catalogue beside the pages, and nothing else."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po

from api.page.catalogue import CatalogueError, codes, english, read, write
from api.page.language import COMPLETE, LANGUAGES
from loadtests.port import free_port
from tests.api.sample_view import home_view

ROOT = Path(__file__).parents[2]
RENDERED = """
import json
from datetime import UTC, datetime, timedelta
from api.page.language import LANGUAGES, Speech, choose_language
from api.page.render import PageRenderer
from tests.api.sample_view import APRIL, home_view, verify_view
renderer = PageRenderer("https://ledger.example.edu", demonstration=True)
speech = Speech("de")
asked = {"query_string": b"", "headers": [(b"accept-language", b"de-AT,en;q=0.5")], "path": "/", "type": "http"}
print(json.dumps({
    "languages": LANGUAGES,
    "chosen": choose_language(asked),
    "valid": renderer.render_verify(verify_view("valid", "de", at=APRIL)),
    "invalid": renderer.render_verify(verify_view("invalid", "de")),
    "unknown": renderer.render_verify(verify_view("unknown", "de")),
    "home": renderer.render_home(home_view("de")),
    "verifier": renderer.render_verifier("key", "de"),
    "said": [speech.number(1234567), speech.credits(250), speech.country("FR")],
}))
"""


def pseudo(place: Path, code: str = "de") -> Path:
    """A catalogue in which every text is the English one in brackets."""
    catalogue = read_po(io.BytesIO(write(code, place)), locale=code)
    for message in catalogue:
        if message.id:
            message.string = f"⟦{message.id}⟧"
    file = place / f"{code}.po"
    with file.open("wb") as stream:
        write_po(stream, catalogue)
    return file


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a process shows whose pages have one file more."""
    place = tmp_path_factory.mktemp("catalogue")
    shutil.copytree(ROOT / "api", place / "api", ignore=shutil.ignore_patterns("__pycache__"))
    pseudo(place / "api" / "page")
    environment = {**os.environ, "PYTHONPATH": f"{place}{os.pathsep}{ROOT}"}
    done = subprocess.run(
        [sys.executable, "-c", RENDERED], env=environment, cwd=place, capture_output=True, check=False, text=True
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_one_file_adds_a_language_to_every_page(rendered: dict[str, Any]) -> None:
    assert rendered["languages"] == [*LANGUAGES, "de"]
    assert rendered["chosen"] == "de"
    for page in ("valid", "invalid", "unknown", "home", "verifier"):
        assert '<html lang="de">' in rendered[page]
    assert 'hreflang="ru"' in rendered["home"]
    assert ">DE</span>" in rendered["home"]


def test_one_file_says_verdicts_sentences_reasons_and_dates(rendered: dict[str, Any]) -> None:
    assert ">⟦Valid⟧</h1>" in rendered["valid"]
    assert "⟦Not revoked.⟧" in rendered["valid"]
    assert "3. März 2025" in rendered["valid"]
    assert "⟦Revoked by the issuer on 1. April 2025: ⟦academic misconduct⟧" in rendered["invalid"]
    assert (
        "⟦The newest state that the file shows is of 30. Mai 2025" in rendered["unknown"] or "⟦" in rendered["unknown"]
    )
    assert rendered["said"] == ["1.234.567", "2,5", "Frankreich"]
    tables = rendered["verifier"].partition('id="tables">')[2].partition("</script>")[0]
    sentences = json.loads(tables)["sentences"]
    assert sentences
    assert all(text.startswith("⟦") for text in sentences.values())


def test_nothing_on_the_pages_is_left_out_of_the_catalogue(rendered: dict[str, Any]) -> None:
    """What stands in no brackets is a name, an address, or one of the awards to try."""
    plain = re.sub(r"(?s)<(script|style|svg|code|textarea|pre)\b.*?</\1>", "", rendered["home"] + rendered["verifier"])
    said = {text.strip() for text in re.findall(r">([^<>]+)<", plain) if re.search(r"[A-Za-z]{3}", text)}
    names = {"/explore", "/docs", "/log/checkpoint", "/metrics"}
    tried = {sample.what["en"] for sample in home_view().samples}
    assert len(tried) > 2
    assert {text for text in said if "⟦" not in text} - {f"{one}:" for one in tried} == names | tried


def test_what_a_catalogue_leaves_out_is_english(tmp_path: Path) -> None:
    catalogue = Catalog(locale="de")
    catalogue.add("Issued by", "Ausgestellt von", context="verify.issuer")
    catalogue.add("Credits", "Punkte", context="verify.credits", flags=["fuzzy"])
    catalogue.add("Level", "", context="verify.eqf")
    catalogue.add("Nothing like it", "Nichts dergleichen", context="verify.nothing")
    with (tmp_path / "de.po").open("wb") as stream:
        write_po(stream, catalogue)
    assert read("de", tmp_path) == {"verify.issuer": "Ausgestellt von"}


def test_catalogue_is_brought_up_to_date_with_what_it_has(tmp_path: Path) -> None:
    file = tmp_path / "de.po"
    file.write_bytes(write("de", tmp_path))
    assert read("de", tmp_path) == {}
    text = file.read_text("utf-8")
    one = 'msgctxt "verify.issuer"\nmsgid "Issued by"\nmsgstr ""'
    assert one in text
    file.write_text(text.replace(one, one[:-1] + 'Ausgestellt von"'), "utf-8")
    file.write_bytes(write("de", tmp_path))
    assert read("de", tmp_path) == {"verify.issuer": "Ausgestellt von"}
    assert file.read_text("utf-8").count("msgctxt") == len(english())


@pytest.mark.parametrize(
    "content, told",
    [
        (b'msgctxt "verify.ects"\nmsgid "{credits} ECTS"\nmsgstr "{credit} ECTS"\n', "verify.ects"),
        (b'msgctxt "verify.ects"\nmsgid "{credits} ECTS"\nmsgstr "ECTS"\n', "verify.ects"),
        (b'msgctxt "verify.ects"\nmsgid "{credits} ECTS"\nmsgstr "{credits.__class__} ECTS"\n', "verify.ects"),
        (b'msgctxt "verify.ects"\nmsgid "{credits} ECTS"\nmsgstr "{credits} {credits.real}"\n', "verify.ects"),
        (b'msgctxt "verify.ects"\nmsgid "{credits} ECTS"\nmsgstr "{credits!r} ECTS"\n', "verify.ects"),
        (b'msgctxt "verify.ects"\nmsgid "{credits} ECTS"\nmsgstr "{credits} ECTS {"\n', "verify.ects"),
        (b'msgid "\xff"\n', "UTF-8"),
        (b"nonsense\n", "gettext"),
    ],
)
def test_catalogue_that_cannot_be_used_is_refused_by_name(tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / "de.po").write_bytes(content)
    with pytest.raises(CatalogueError, match=told):
        read("de", tmp_path)


@pytest.mark.parametrize("name", ["en", "ru", "DE", "zz", "de_AT", "../x"])
def test_catalogue_is_for_a_language_that_there_is(tmp_path: Path, name: str) -> None:
    with pytest.raises(CatalogueError, match="language"):
        write(name, tmp_path)
    if "/" not in name:
        (tmp_path / f"{name}.po").write_bytes(b"")
        with pytest.raises(CatalogueError, match="language"):
            codes(tmp_path)


def test_start_is_stopped_by_a_bad_catalogue_with_its_name_and_no_more(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "api", tmp_path / "api", ignore=shutil.ignore_patterns("__pycache__"))
    bad = 'msgctxt "verify.ects"\nmsgid "{credits} ECTS"\nmsgstr "ECTS"\n'
    (tmp_path / "api" / "page" / "de.po").write_text(bad, "utf-8")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "CAIRN_DATA_DIR": str(tmp_path / "data")}
    command = [sys.executable, "-c", "from api.cli.entry import main; main()", "serve", "--port", f"{free_port()}"]
    done = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, check=False, text=True, timeout=300
    )
    assert done.returncode != 0
    assert "error: de.po: verify.ects" in done.stderr
    assert "Traceback" not in done.stderr


def test_english_and_russian_need_no_catalogue() -> None:
    assert LANGUAGES[:2] == COMPLETE == ("en", "ru")
