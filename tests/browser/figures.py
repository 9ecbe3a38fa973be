"""The figures that one moves, from files in a real Chromium, after `make site`.

By mouse and by keyboard, on paper, without script and without motion; nothing in the console.
Pictures lie in build/browser.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.jupyter import CONTRASTS, SHOTS, browsing
from tests.conftest import ROOT

STAGES = (ROOT / "build" / "site" / "stages").as_uri()
WALK, DESCENT = f"{STAGES}/00_autograd.html", f"{STAGES}/06_optimizers.html"
FIGURES = {WALK: "figure.stepper", DESCENT: "figure.dials"}
OVERLAPS = """figure => {
    const texts = [...figure.querySelectorAll('svg text')].filter(node => node.checkVisibility({
        visibilityProperty: true})).map(node => [node.textContent, node.getBoundingClientRect()])
    return texts.flatMap(([a, p], i) => texts.slice(i + 1).filter(([b, q]) => p.left < q.right
        && q.left < p.right && p.top < q.bottom && q.top < p.bottom).map(([b]) => [a, b]))
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as page:
        assert page.context.browser
        yield page.context.browser


@pytest.fixture
def heard() -> list[str]:
    """What was said in the console, and what was asked for that is no file."""
    return []


@pytest.fixture
def page(browser: Browser, heard: list[str]) -> Iterator[Page]:
    page = opened(browser, heard)
    yield page
    page.context.close()
    assert heard == []


def opened(browser: Browser, heard: list[str], **settings: Any) -> Page:
    context = browser.new_context(**({"viewport": {"width": 1280, "height": 1000}} | settings))
    page = context.new_page()
    page.on("console", lambda said: heard.append(said.text) if said.type != "log" else None)
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.on(
        "request",
        lambda asked: None if asked.url.startswith(("file:", "data:")) else heard.append(asked.url),
    )
    return page


def stepper(page: Page) -> Locator:
    page.goto(WALK)
    return page.locator("figure.stepper")


def dials(page: Page) -> Locator:
    page.goto(DESCENT)
    return page.locator("figure.dials")


def shown(figure: Locator) -> list[str]:
    """The texts in nodes and on arrows that are seen."""
    texts = figure.locator("svg.both :is(.value, .adjoint, .back) > text")
    seen = [texts.nth(i) for i in range(texts.count())]
    return [(text.text_content() or "").replace("\u200b", "") for text in seen if text.is_visible()]


def test_one_steps_through_with_the_mouse(page: Page) -> None:
    figure = stepper(page)
    status = figure.get_by_role("status")
    expect(status).to_contain_text("Forward, step 1 of 16")
    expect(status).to_have_attribute("aria-live", "polite")
    assert shown(figure) == ["3", "4"]
    told = {status.inner_text()}
    for _ in range(15):
        figure.get_by_role("button", name="Next").click()
        told.add(status.inner_text())
    assert len(told) == 16
    expect(status).to_contain_text("120.112, which is 112 · 0.001 more")
    assert shown(figure).count("x1 = 112") == 1 and "40" in shown(figure)
    expect(figure.get_by_role("button", name="Next")).to_have_attribute("aria-disabled", "true")
    figure.get_by_role("button", name="Back").click()
    expect(status).to_contain_text("step 15 of 16")
    figure.get_by_role("button", name="First").click()
    assert shown(figure) == ["3", "4"]
    figure.get_by_role("button", name="Last").click()
    expect(status).to_contain_text("step 16 of 16")


def test_one_steps_through_with_the_keyboard(page: Page) -> None:
    figure = stepper(page)
    status, button = figure.get_by_role("status"), figure.get_by_role("button", name="First")
    button.focus()
    for key, step in (
        ("ArrowRight", 2),
        ("ArrowDown", 3),
        ("ArrowLeft", 2),
        ("End", 16),
        ("ArrowRight", 16),
        ("Home", 1),
        ("ArrowUp", 1),
    ):
        page.keyboard.press(key)
        expect(status).to_contain_text(f"step {step} of 16")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Space")
    expect(status).to_contain_text("step 3 of 16")
    assert page.evaluate("document.activeElement.textContent") == "Next"


def test_a_sum_waits_for_all_that_it_is_of(page: Page) -> None:
    figure = stepper(page)
    figure.get_by_role("button", name="First").focus()
    seen = []
    for _ in range(10):
        page.keyboard.press("ArrowRight")
        seen.append([text for text in shown(figure) if text.startswith("p")])
    assert seen == [[]] * 6 + [["p = 1 + …"]] * 3 + [["p = 10"]]
    expect(figure.get_by_role("status")).to_contain_text("p bar =\u00a01 +\u00a09 =\u00a010")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_no_two_labels_overlap_and_all_can_be_read(
    browser: Browser, heard: list[str], theme: Any, width: int
) -> None:
    viewport = {"width": width, "height": 1000}
    page = opened(browser, heard, viewport=viewport, color_scheme=theme)
    for url, name in FIGURES.items():
        page.goto(url)
        figure = page.locator(name)
        for step in range(16 if url == WALK else 1):
            assert figure.evaluate(OVERLAPS) == [], step
            if url == WALK:
                figure.get_by_role("button", name="Next").press("ArrowRight")
        found: list[Any] = figure.evaluate(CONTRASTS)
        assert found and [entry for entry in found if entry[1] < 4.5] == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        figure.screenshot(path=SHOTS / f"{name[7:]}-{theme}-{width}.png")
    page.context.close()
    assert heard == []


def test_both_sliders_and_the_choice_change_path_and_text(page: Page) -> None:
    figure = dials(page)
    status, line = figure.get_by_role("status"), figure.locator(".moving .line")
    rate, beta = figure.get_by_label("rate", exact=False), figure.get_by_label("momentum")
    rate = rate.and_(figure.get_by_role("slider"))
    expect(status).to_contain_text("SGD, rate 0.077, β = 0: arrives after 97 steps")
    seen = [line.get_attribute("d")]
    for control, key, valuetext, told in (
        (rate, "ArrowRight", "0.081", "diverges"),
        (beta, "ArrowRight", "0.5", "β = 0.5: arrives after 83 steps"),
        (rate, "Home", "0.004", "after 160 steps it is still"),
        (beta, "End", "0.95", "β = 0.95: after 160 steps it is still"),
    ):
        control.press(key)
        expect(control).to_have_attribute("aria-valuetext", valuetext)
        expect(status).to_contain_text(told)
        seen.append(line.get_attribute("d"))
    figure.get_by_label("Adam").check()
    expect(status).to_contain_text("Adam, rate 0.004, β = 0.95")
    seen.append(line.get_attribute("d"))
    assert len(set(seen)) == 6
    expect(figure.locator("table:visible caption")).to_have_text("Adam, by rate and β")
    figure.locator("td:visible", has_text="21").click()
    expect(status).to_contain_text("Adam, rate 0.5, β = 0.5: arrives after 21 steps")
    expect(rate).to_have_attribute("aria-valuetext", "0.5")
    expect(figure.locator("td.now")).to_have_text("21")


def test_a_path_that_diverges_stays_in_its_frame(page: Page) -> None:
    figure = dials(page)
    figure.get_by_role("slider").first.press("End")
    expect(figure.get_by_role("status")).to_contain_text("diverges")
    assert figure.locator(".moving > svg").evaluate(
        "svg => getComputedStyle(svg).overflow === 'hidden'"
    )


def test_without_script_there_are_stills_and_all_that_is_said(
    browser: Browser, heard: list[str]
) -> None:
    page = opened(browser, heard, java_script_enabled=False)
    figure = stepper(page)
    assert_stills_of_the_walk(figure)
    assert_stills_of_the_descent(dials(page))
    page.context.close()
    assert heard == []


def test_paper_shows_the_stills(page: Page) -> None:
    figure = stepper(page)
    figure.get_by_role("button", name="Next").click()
    page.emulate_media(media="print")
    assert_stills_of_the_walk(figure)
    figure = dials(page)
    assert_stills_of_the_descent(figure)


def assert_stills_of_the_walk(figure: Locator) -> None:
    assert figure.locator("svg:visible").count() == 2
    assert figure.locator("li:visible").count() == 16
    assert figure.locator("button:visible").count() == 0
    assert figure.locator("svg.forward .adjoint").count() == 0
    assert {"x1 = 112", "p = 10", "120", "9"} <= set(shown(figure))
    assert "…" not in "".join(shown(figure))


def assert_stills_of_the_descent(figure: Locator) -> None:
    assert figure.locator("svg:visible").count() == 6
    assert figure.locator(".stills p:visible").count() == 6
    assert figure.locator("table:visible").count() == 3
    assert figure.locator("input:visible").count() == 0


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_nothing_moves_for_who_wants_it_still(
    browser: Browser, heard: list[str], motion: Any
) -> None:
    page = opened(browser, heard, reduced_motion=motion)
    for url, name in FIGURES.items():
        page.goto(url)
        lasting = page.locator(name).evaluate(
            """figure => [...figure.querySelectorAll('*')].map(node => getComputedStyle(node))
            .filter(style => style.transitionDuration.split(', ').some(time => parseFloat(time) > 0)
                || style.animationName !== 'none').length"""
        )
        assert (lasting > 0) == (motion == "no-preference" and url == WALK)
    page.context.close()
    assert heard == []
