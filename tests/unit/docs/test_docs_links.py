"""Links between the pages lead somewhere: to a file, and to a heading where they name one."""

import re

import pytest
import yaml
from doc_commands import ROOT, pages

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"```.*?```|`[^`]*`", re.DOTALL)


def text_of(page):
    return page.read_text(encoding="utf-8")


def anchors(page):
    """Of a page's headings, as GitHub and the site make them."""
    headings = re.findall(r"^#+ (.*)$", CODE.sub("", text_of(page)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).strip().replace(" ", "-") for h in headings}


def broken(page):
    """Those of a page of the site also where they leave it: the site has docs/ alone."""
    for link in LINK.findall(CODE.sub("", text_of(page))):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        left = (ROOT / "docs") in page.parents and (ROOT / "docs") not in target.parents
        if left or not target.exists() or (anchor and anchor not in anchors(target)):
            yield link


@pytest.mark.parametrize("page", [*pages(), ROOT / "CHANGELOG.md"], ids=lambda page: page.name)
def test_every_link_of_a_page_leads_somewhere(page):
    assert list(broken(page)) == []


def test_every_page_is_in_the_sites_navigation_once():
    site = yaml.safe_load(text_of(ROOT / "mkdocs.yml"))

    def leaves(item):
        if isinstance(item, str):
            return [item]
        return [
            leaf for below in (item.values() if isinstance(item, dict) else item) for leaf in leaves(below)
        ]

    there = [p.relative_to(ROOT / "docs").as_posix() for p in (ROOT / "docs").rglob("*.md")]
    assert sorted(leaves(site["nav"])) == sorted(there)


def test_a_broken_link_would_be_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# One\n[a](none.md) [b](#one) [c](#two) [d](https://x.org) `[e](f)`\n")
    assert list(broken(page)) == ["none.md", "#two"]


def test_a_link_out_of_the_site_would_be_found(monkeypatch, tmp_path):
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    (tmp_path / "docs").mkdir()
    (tmp_path / "README.md").write_text("# One\n")
    page = tmp_path / "docs" / "page.md"
    page.write_text("[a](../README.md) [b](page.md)\n")
    assert list(broken(page)) == ["../README.md"]


def test_whoever_cites_finds_the_version_and_licence_of_the_package():
    said = yaml.safe_load(text_of(ROOT / "CITATION.cff"))
    setup = text_of(ROOT / "setup.py")
    assert f'version="{said["version"]}"' in setup
    assert f'license="{said["license"]}"' in setup
    assert said["cff-version"] == "1.2.0"
