"""Free fonts from Debian's packages to learn printed digits from, and other fonts to test on."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from byhand.data import cache_folder
from byhand.errors import DownloadError, FileWriteError, InputError

# Latin fonts of every kind, about 100 MB. None shares outlines with the fonts of `test_fonts`:
# nothing of the DejaVu and Vera, STIX and Times, or Computer Modern families.
PACKAGES = (
    # written by hand, or as if
    "fonts-aoyagi-kouzan-t", "fonts-breip", "fonts-bwht", "fonts-comic-neue",
    "fonts-dancingscript", "fonts-dkg-handwriting", "fonts-dustin", "fonts-ecolier-court",
    "fonts-havana", "fonts-humor-sans", "fonts-kaushanscript", "fonts-kiloji", "fonts-kristi",
    "fonts-leckerli-one", "fonts-lemonada", "fonts-linex", "fonts-lobster", "fonts-lobstertwo",
    "fonts-nanum-extra", "fonts-seto", "fonts-sjfonts", "fonts-smc-chilanka", "fonts-smc-karumbi",
    "fonts-tlwg-purisa-ttf", "fonts-yusei-magic",
    # sans
    "fonts-adf-gillius", "fonts-allerta", "fonts-averia-sans-gwf", "fonts-bebas-neue",
    "fonts-beteckna", "fonts-cabin", "fonts-cantarell", "fonts-comfortaa",
    "fonts-crosextra-carlito", "fonts-dosis", "fonts-eurofurence", "fonts-jura", "fonts-karla",
    "fonts-lato", "fonts-league-spartan", "fonts-liberation", "fonts-manrope",
    "fonts-national-park", "fonts-okolaks", "fonts-open-sans", "fonts-opendin", "fonts-osifont",
    "fonts-paratype", "fonts-play", "fonts-quicksand", "fonts-roadgeek", "fonts-roboto-unhinted",
    "fonts-routed-gothic", "fonts-sil-andikanewbasic", "fonts-tiresias", "fonts-tuffy",
    "fonts-yanone-kaffeesatz",
    # serif and slab
    "fonts-adf-mekanus", "fonts-adf-romande", "fonts-adf-tribun", "fonts-averia-serif-gwf",
    "fonts-century-catalogue", "fonts-crosextra-caladea", "fonts-ebgaramond", "fonts-essays1743",
    "fonts-georgewilliams", "fonts-gfs-didot", "fonts-goudybookletter", "fonts-linuxlibertine",
    "fonts-oldstandard", "fonts-quattrocento", "fonts-roboto-slab", "fonts-sil-charis-compact",
    "fonts-sil-gentium-basic", "fonts-texgyre", "fonts-vollkorn",
    # of one width, typewriters, machines and displays
    "fonts-3270", "fonts-anonymous-pro", "fonts-b612", "fonts-courier-prime", "fonts-dseg",
    "fonts-fantasque-sans", "fonts-gnutypewriter", "fonts-go", "fonts-inconsolata",
    "fonts-jetbrains-mono", "fonts-monofur", "fonts-ocr-a", "fonts-ocr-b",
    # heavy
    "fonts-apropal", "fonts-cherrybomb", "fonts-klaudia-berenika", "fonts-smc-dyuthi",
    "fonts-staypuft",
)  # fmt: skip
TEST_PACKAGES = ("fonts-rufscript", "fonts-tomsontalks")

# Faces whose digits nobody would print: frames, outlines, hairlines, faces on digits, initials.
_UNUSUAL = (
    "LinBiolinum_K", "LinLibertine_I", "OCRBE", "OCRBF", "OCRBX", "Outline", "DSEG7SEGGCHAN",
    "DSEGWeather", "Wargames", "Hairline", "Thin", "flatline", "Pautada", "Punt",
    "Keyboard", "Initials", "Shadow",
)  # fmt: skip
_CLONES = ("LiberationSerif", "termes")  # Times, as STIX is
_VARIABLE = ("[", "-VF", "Variable", "VariableFont")
_NEEDED = "0123456789AEHIKMRTXaehkmnrtx"
_TEST_FACES = (
    "DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "DejaVuSans-Oblique.ttf", "DejaVuSansMono.ttf",
    "DejaVuSansMono-Bold.ttf", "DejaVuSerif.ttf", "DejaVuSerif-Bold.ttf",
    "DejaVuSerif-Italic.ttf", "STIXGeneral.ttf", "STIXGeneralBol.ttf", "STIXGeneralItalic.ttf",
    "cmb10.ttf", "cmr10.ttf", "cmss10.ttf", "cmtt10.ttf",
)  # fmt: skip


def fonts_folder() -> Path:
    """Where the fonts are: the folder in BYHAND_FONTS, or `fonts` in byhand's cache folder."""
    return Path(named) if (named := os.environ.get("BYHAND_FONTS")) else cache_folder() / "fonts"


def fetch_fonts(
    folder: str | Path | None = None, packages: Sequence[str] = PACKAGES + TEST_PACKAGES
) -> list[Path]:
    """Make `folder` hold the fonts of Debian's `packages`, a folder each; no root is needed.

    What is there already is kept. A package that this release of Debian no longer has is passed
    over; `missing_packages` names it.

    Returns:
        The font files (.ttf, .otf) of `packages`, in order.

    Raises:
        InputError: there is no apt-get or dpkg-deb, as on other systems than Debian's.
        DownloadError: not one of the packages that are missing could be had.
        FileWriteError: the folder cannot be written to.
    """
    folder = fonts_folder() if folder is None else Path(folder)
    missing = missing_packages(folder, packages)
    if missing:
        if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
            raise InputError(
                "fetching fonts needs apt-get and dpkg-deb, which this system lacks: unpack the "
                f".ttf and .otf files of Debian's packages {', '.join(missing)} into {folder}, "
                "a folder for each package with its name"
            )
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder, prefix=".fetch-") as scratch:
                _download(missing, Path(scratch))
                for archive in sorted(Path(scratch).glob("*.deb")):
                    _unpack(archive, folder / archive.name.split("_")[0])
        except OSError as error:
            raise FileWriteError(
                f"cannot write fonts to {folder}: {error.strerror or error}; free some space, or "
                "name another folder with BYHAND_FONTS"
            ) from error
    return [path for package in packages for path in _files(folder / package)]


def missing_packages(
    folder: str | Path | None = None, packages: Sequence[str] = PACKAGES + TEST_PACKAGES
) -> list[str]:
    """The `packages` that have no font in `folder` (None: `fonts_folder()`)."""
    folder = fonts_folder() if folder is None else Path(folder)
    return [package for package in packages if not _files(folder / package)]


def training_fonts(folder: str | Path | None = None) -> list[Path]:
    """The faces of `PACKAGES` in `folder` that have Latin letters and all digits, in fixed order.

    Left out are faces with unusual digits, clones of a test font, variable fonts beside their
    fixed faces, and second copies of a face.

    Raises:
        InputError: `folder` (None: `fonts_folder()`) has none.
    """
    folder = fonts_folder() if folder is None else Path(folder)
    fonts = [face for package in PACKAGES for face in _usable(_files(folder / package))]
    if not fonts:
        raise InputError(
            f"{folder} has no fonts to learn from: fetch them with "
            "`python -m byhand.reader.examples`, or name their folder with BYHAND_FONTS"
        )
    return fonts


def test_fonts(folder: str | Path | None = None) -> list[Path]:  # noqa: PT028
    """Fonts that are never learnt from: `matplotlib_fonts`, and those of TEST_PACKAGES in `folder`.

    Raises:
        InputError: matplotlib is not installed, or has not its fonts.
    """
    folder = fonts_folder() if folder is None else Path(folder)
    ours = [face for name in TEST_PACKAGES for face in _usable(_files(folder / name))]
    return matplotlib_fonts() + ours


def matplotlib_fonts() -> list[Path]:
    """Faces of DejaVu, STIX and Computer Modern, which come with matplotlib.

    Raises:
        InputError: matplotlib is not installed, or has not its fonts.
    """
    # Found, not imported: drawing is no business of the reader's.
    spec = importlib.util.find_spec("matplotlib")
    places = list(spec.submodule_search_locations or ()) if spec is not None else []
    fonts = [Path(place, "mpl-data/fonts/ttf", name) for place in places for name in _TEST_FACES]
    fonts = [path for path in fonts if path.is_file()]
    if not fonts:
        raise InputError("the fonts to test on come with matplotlib: pip install matplotlib")
    return fonts


# Names that begin with test_ are pytest's, where a test imports this function.
test_fonts.__test__ = False  # type: ignore[attr-defined]


def _files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.glob("*") if p.suffix.lower() in (".ttf", ".otf"))


def _usable(paths: Sequence[Path]) -> list[Path]:
    faces: dict[str, Path] = {}
    for path in paths:
        if not any(part in path.name for part in (*_UNUSUAL, *_CLONES, *_VARIABLE)):
            faces.setdefault(path.stem.lower().replace(" ", ""), path)
    return [path for path in faces.values() if _has_latin(path)]


def _has_latin(path: Path) -> bool:
    """Whether the font opens and draws all of `_NEEDED`, each otherwise than a missing glyph."""
    from PIL import ImageFont

    try:
        font = ImageFont.truetype(str(path), 20)
        absent = bytes(font.getmask("\U0010fffd"))
        drawn = [bytes(font.getmask(letter)) for letter in _NEEDED]
    except (OSError, ValueError):  # a broken file or a dangling link
        return False
    return all(any(mask) and mask != absent for mask in drawn) and len(set(drawn[:10])) == 10


def _download(packages: Sequence[str], scratch: Path) -> None:
    def ask(names: Sequence[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["apt-get", "download", "-qq", *names],
            cwd=scratch, capture_output=True, text=True, check=False,
        )  # fmt: skip

    done = ask(packages)
    if done.returncode:  # one unknown name stops them all
        for package in packages:
            one = ask([package])
            done = one if one.returncode else done
    if not any(scratch.glob("*.deb")):
        reason = (done.stderr.strip().splitlines() or ["it gave no reason"])[-1]
        raise DownloadError(
            f"apt-get could not download {packages[0]} and the rest ({reason}): check the "
            "network, and that `apt-get update` has been run"
        )


def _unpack(archive: Path, place: Path) -> None:
    """Move the archive's font files to the folder `place`, which appears whole or not at all."""
    whole, chosen = archive.with_suffix(".all"), archive.with_suffix(".fonts")
    done = subprocess.run(["dpkg-deb", "-x", archive, whole], capture_output=True, check=False)
    if done.returncode:
        raise DownloadError(f"{archive.name} came broken: try again")
    chosen.mkdir()
    for path in sorted(whole.rglob("*")):
        if path.suffix.lower() in (".ttf", ".otf") and path.is_file() and not path.is_symlink():
            shutil.move(path, chosen / path.name)
    if any(chosen.iterdir()):
        shutil.rmtree(place, ignore_errors=True)
        chosen.rename(place)
    shutil.rmtree(whole)
