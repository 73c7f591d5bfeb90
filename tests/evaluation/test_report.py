import json
import re
import shutil
import subprocess

import pytest

from medcodec.cli import main
from medcodec.errors import OptionError
from medcodec.evaluation.page import build_page
from medcodec.evaluation.run import load_rows
from medcodec.evaluation.summary import compare_all, curve, mean_curve, usable_quality

pytest.importorskip("skimage")
pytest.importorskip("matplotlib")

ANCHOR = "adaptive:effort=default"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
# Clicks through the page as a user would, and leaves what it saw in the document.
DRIVER = """<script>
const seen = [], shot = () => document.getElementById("picture").src;
const click = name => { document.querySelector(`[data-view=${name}]`).click(); seen.push(shot()); };
["original", "decoded", "error"].forEach(click);
document.dispatchEvent(new KeyboardEvent("keydown", { key: "1" })); const first = shot();
document.dispatchEvent(new KeyboardEvent("keydown", { key: " " })); const flipped = shot();
const point = document.getElementById("point"), facts = () => document.getElementById("facts").textContent;
const before = facts(); point.selectedIndex = 1; point.onchange(); const after = facts();
const curves = () => document.querySelectorAll("#rd path.curve").length, all = curves();
document.querySelector("#rd .key").dispatchEvent(new MouseEvent("click")); const fewer = curves();
const note = document.createElement("pre"); note.id = "seen";
note.textContent = JSON.stringify({ three: new Set(seen).size, all, fewer, moves: before !== after,
  flips: first === seen[0] && flipped === seen[1],
  slices: document.querySelectorAll("#psnr circle").length,
  bits: document.querySelectorAll("#bits path.curve").length,
  width: document.getElementById("picture").naturalWidth });
document.body.append(note);
</script>"""


@pytest.fixture(scope="module")
def results(scans, tmp_path_factory):
    out = tmp_path_factory.mktemp("report")
    command = ["evaluate", str(scans), "--codecs", f"{ANCHOR},adaptive:effort=max", "--points", "1,2,4,8"]
    assert main([*command, "--out", str(out), "--items", "o", "-q"]) == 0
    return out


def test_report_writes_everything(results, capsys):
    arguments = ["report", str(results), "--anchor", ANCHOR, "--paper", "gpu-table1", "--title", "A <b> test"]
    assert main(arguments) == 0
    told = capsys.readouterr().out
    assert "BD-rate in percent" in told
    assert "paper: GPU (Ours)" in told
    assert (results / "rd.png").read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in (results / "rd.svg").read_bytes()
    markdown = (results / "report.md").read_text()
    assert "| paper: DCVC_DC | -33.00 | -8.42 | -29.31 | -39.03 | -27.44 |" in markdown
    assert f"| ours: {ANCHOR} (anchor) |" in markdown
    page = (results / "report.html").read_text()
    assert "A &lt;b&gt; test" in page
    assert not re.search(r"(src|href)\s*=\s*[\"']?(https?:)?//", page)


def test_bd_rates_against_oneself_are_nothing(results):
    rows = list(load_rows(results).values())
    twin = [{**row, "codec": "twin"} for row in rows if row["codec"] == ANCHOR]
    bd = compare_all([*rows, *twin], ANCHOR, quality="psnr_slice_db")
    assert bd.mean("twin") == pytest.approx(0, abs=1e-9)
    doubled = [{**row, "rate_bpv": 2 * row["rate_bpv"]} for row in twin]
    assert compare_all([*rows, *doubled], ANCHOR, quality="psnr_db").mean("twin") == pytest.approx(100)
    with pytest.raises(OptionError, match="none of the codecs"):
        compare_all(rows, "hevc", quality="psnr_db")
    with pytest.raises(OptionError, match="psnr_slice_db"):
        usable_quality(rows, "vmaf")


def test_points_that_not_every_item_has_are_not_averaged(results):
    rows = list(load_rows(results).values())
    two = [*rows, *({**row, "item": "three"} for row in rows if row["item"] == "one" and row["point"] != 8)]
    assert len(mean_curve(rows, ANCHOR, "psnr_db")) == 4
    assert len(mean_curve(two, ANCHOR, "psnr_db")) == 3
    assert len(curve(two, ANCHOR, "three", "psnr_db")) == 3


def test_a_refused_bd_rate_says_why(results):
    rows = list(load_rows(results).values())
    far = [{**row, "codec": "far", "psnr_db": row["psnr_db"] + 100} for row in rows if row["codec"] == ANCHOR]
    bd = compare_all([*rows, *far], ANCHOR, quality="psnr_db")
    entry = next(entry for entry in bd.comparisons if entry.codec == "far")
    assert entry.rate_percent is None
    assert "share" in entry.note


def test_text_of_rows_cannot_end_the_script(results):
    rows = load_rows(results)
    hostile = {key: {**row, "item": "</script><script>alert(1)</script>@DATA@"} for key, row in rows.items()}
    page = build_page(hostile, results, title="@DATA@", quality="psnr_db", bd=None, tables=[])
    assert page.count("</script>") == 1
    assert "alert(1)" in page


def test_an_empty_folder_is_an_error(tmp_path, capsys):
    assert main(["report", str(tmp_path)]) == 1
    assert "holds no results" in capsys.readouterr().err


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium to open the page")
def test_the_page_works_in_a_browser(results, tmp_path):
    assert main(["report", str(results), "--anchor", ANCHOR, "-q"]) == 0
    page = tmp_path / "page.html"
    page.write_text((results / "report.html").read_text().replace("</body>", DRIVER + "</body>"))
    browser = [
        CHROMIUM,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={tmp_path / 'profile'}",
    ]
    done = subprocess.run(
        [*browser, "--virtual-time-budget=5000", "--dump-dom", page.as_uri()],
        capture_output=True,
        text=True,
        timeout=90,
        check=True,
    )
    body = re.search(r"<body[^>]*>", done.stdout)[0]
    assert "data-error" not in body
    assert 'data-ready="yes"' in body
    seen = json.loads(re.search(r'<pre id="seen">(.*?)</pre>', done.stdout, re.DOTALL)[1])
    assert seen["three"] == 3
    assert seen["flips"]
    assert seen["moves"]
    assert (seen["all"], seen["fewer"]) == (2, 1)
    assert seen["slices"] == 5
    assert seen["bits"] == 1
    assert seen["width"] == 28
    picture = tmp_path / "page.png"
    view = f"{(results / 'report.html').as_uri()}#view=error"
    shot = [
        *browser,
        "--window-size=1200,1600",
        "--virtual-time-budget=5000",
        f"--screenshot={picture}",
        view,
    ]
    subprocess.run(shot, capture_output=True, timeout=90, check=True)
    assert picture.stat().st_size > 20_000
