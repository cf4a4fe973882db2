"""A report made of figures that were measured once, and what is on its page: imported by tests."""
import html.parser
import json

from harness import CliTest

NOT_BUILT_IN = 69


class Page(html.parser.HTMLParser):
    """What a structure of elements says, for a test."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.elements, self.open, self.text = [], [], {}
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes), [name for name, _ in self.open]))
        if tag not in ("meta", "br"):
            self.open.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        while self.open and self.open.pop()[0] != tag:
            pass

    def handle_data(self, data):
        if self.open:
            tag, attributes = self.open[-1]
            key = (tag, attributes.get("id"))
            self.text[key] = self.text.get(key, "") + data

    def all(self, tag):
        return [attributes for name, attributes, _ in self.elements if name == tag]


class ReportTest(CliTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.figures = {}

    def setUp(self):
        super().setUp()
        if self.run_it("report", "--output", "-", self.written("faults")).end()[0] == NOT_BUILT_IN:
            self.skipTest("this cortado was built without the library for charts")

    def measured(self, command):
        """The figures of one small run, made once for all tests."""
        if command not in self.figures:
            args = {"compare": ["--writers", "1,2", "--hold", "0ns,1us", "--orders", "2000", "--repeat",
                                "2"],
                    "loads": ["--modes", "thread-mutex,process-ring", "--writers", "1", "--orders",
                              "2000", "--repeat", "2", "--load", "50"],
                    "faults": ["--mode", "thread-mutex,process-ring", "--fault", "none,killed"]}
            path = self.folder / "measured"
            program = "compare" if command == "loads" else command
            self.assert_ended_in_order(self.run_it(program, *args[command], "--json", path))
            self.figures[command] = json.loads(path.read_text())
        return json.loads(json.dumps(self.figures[command]))

    def written(self, command, figures=None, name=None):
        path = self.folder / (name or f"{command}.json")
        path.write_text(json.dumps(figures or self.measured(command)))
        return path

    def page(self, *files):
        out = self.assert_ended_in_order(self.run_it("report", "-o", self.folder / "page.html", *files))
        self.assertIn(b"page.html: ", out)
        return (self.folder / "page.html").read_text()

    def card_of(self, question, *files):
        page = self.page(*files)
        cards = [card for card in page.split("<article>")[1:] if question in card.split("</h3>")[0]]
        self.assertEqual(len(cards), 1, question)
        return cards[0].split("</article>")[0]
