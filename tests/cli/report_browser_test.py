#!/usr/bin/env python3
"""The page of a report in a real browser: every chart is drawn, nothing is said, nothing asked for.

CORTADO_PICTURES=FOLDER leaves a picture of each size and scheme there, to be looked at.
"""
import os
import pathlib

import browser
import harness
from harness import CliTest

SIZES = ((1280, 900), (390, 844))
# Of each canvas: how many pixels of it are something.
DRAWN = """[...document.querySelectorAll('canvas')].map((canvas) => {
  const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  let some = 0;
  for (let i = 3; i < data.length; i += 4) some += data[i] !== 0;
  return some;
})"""
# Each thing that stands out to the side of the window, but for what scrolls by itself.
TOO_WIDE = """[...document.querySelectorAll('main *')].filter((element) =>
  !element.closest('.scroll') && element.getBoundingClientRect().right > innerWidth + 1)
  .map((element) => element.outerHTML.slice(0, 100))"""


class Browsed(CliTest):
    def setUp(self):
        super().setUp()
        path = browser.find()
        if path is None:
            self.skipTest("no chromium is installed")
        self.page = self.folder / "page.html"
        compare, faults = self.folder / "compare.json", self.folder / "faults.json"
        self.assert_ended_in_order(self.run_it(
            "compare", "--writers", "1,2,4", "--hold", "0ns,1us", "--orders", "4000", "--repeat", "2",
            "--json", compare))
        self.assert_ended_in_order(self.run_it("faults", "--fault", "none,throws,killed", "--json", faults))
        made = self.run_it("report", compare, faults, "-o", self.page)
        if made.end()[0] == 69:
            self.skipTest("this cortado was built without the library for charts")
        self.browser = browser.Browser(path)
        self.addCleanup(self.browser.close)

    def test_every_chart_is_drawn_and_nothing_is_said_or_asked_for(self):
        pictures = os.environ.get("CORTADO_PICTURES")
        for width, height in SIZES:
            for dark in (False, True):
                with self.subTest(width=width, dark=dark):
                    self.browser.show(self.page, width, height, dark)
                    self.browser.value("0")  # whatever was said before is heard
                    self.assertEqual(self.browser.said(), [])  # reading pixels is told of, too
                    drawn = self.browser.value(DRAWN)
                    self.assertGreaterEqual(len(drawn), 8)
                    self.assertTrue(all(pixels > 1000 for pixels in drawn), drawn)
                    self.assertEqual(self.browser.value(TOO_WIDE), [])
                    self.assertEqual(self.browser.asked_for(), [self.page.as_uri()])
                    if pictures:
                        name = f"report-{width}-{'dark' if dark else 'light'}.png"
                        self.browser.picture(pathlib.Path(pictures) / name)

    def test_the_scheme_follows_the_reader(self):
        colours = []
        for dark in (False, True):
            self.browser.show(self.page, 390, 844, dark)
            colours.append(self.browser.value("getComputedStyle(document.body).backgroundColor"))
        self.assertNotEqual(*colours)

    def test_a_broken_chart_would_be_seen(self):
        text = self.page.read_text()
        self.page.write_text(text.replace('"kind":"lines"', '"kin":"lines"').replace(
            "const charts = JSON.parse(", "missing(); const charts = JSON.parse("))
        self.browser.show(self.page, 1280, 900, False)
        self.assertTrue(self.browser.said())
        self.assertFalse(any(self.browser.value(DRAWN)))


if __name__ == "__main__":
    harness.main()
