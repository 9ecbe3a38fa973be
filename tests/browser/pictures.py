"""Put what the browser's tests have taken where the pages show it: `make pictures`."""

from book.pages import PICTURE, docs_folder
from mugrade import files
from mugrade.course.reading import load_course
from tests.browser.jupyter import SHOTS
from tests.conftest import ROOT

if __name__ == "__main__":
    folder = docs_folder(load_course(ROOT))
    pages = [path.read_text(encoding="utf-8") for path in folder.glob("*.md")]
    for dark, _, light in (shown for page in pages for shown in PICTURE.findall(page)):
        for name in (dark, light):
            if (SHOTS / name).is_file():
                files.write(folder / name, (SHOTS / name).read_bytes())
