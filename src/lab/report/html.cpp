// A report as one file of HTML: the page, its style, its script and the library for charts are
// files beside this one, embedded when this is built.
#include <array>
#include <string_view>
#include <utility>

#include "lab/report/files.hpp"
#include "lab/report/report.hpp"

namespace cortado::lab {
namespace {

/// Text, for wherever HTML has text or the value of an attribute.
std::string text_of(std::string_view text) {
  std::string safe;
  for (const char letter : text) {
    switch (letter) {
      case '&':
        safe += "&amp;";
        break;
      case '<':
        safe += "&lt;";
        break;
      case '>':
        safe += "&gt;";
        break;
      case '"':
        safe += "&quot;";
        break;
      case '\'':
        safe += "&#39;";
        break;
      default:
        safe += letter;
    }
  }
  return safe;
}

/// JSON inside a script element, which would end at the first "</script".
std::string data_of(const Json& json) {
  std::string safe;
  for (const char letter : json.dump(-1, ' ', true, Json::error_handler_t::replace)) {
    if (letter == '<') {
      safe += "\\u003c";
    } else {
      safe += letter;
    }
  }
  return safe;
}

using Attribute = std::pair<const char*, std::string_view>;

/// `inner` is HTML already.
std::string element(const char* tag, std::string_view inner,
                    std::initializer_list<Attribute> attributes = {}) {
  std::string html = std::string("<") + tag;
  for (const auto& [name, value] : attributes) {
    if (!value.empty()) html += std::string(" ") + name + "=\"" + text_of(value) + "\"";
  }
  return html + ">" + std::string(inner) + "</" + tag + ">\n";
}

/// Where the window is narrow, a row is a list of its cells, each with its column's name; the roles
/// keep it a table for who hears it.
std::string table_html(const ReportTable& table, const std::string& title) {
  std::string head;
  for (const std::string& cell : table.head) {
    head += element("th", text_of(cell), {{"scope", "col"}, {"role", "columnheader"}});
  }
  const bool has_columns = table.head.size() > 2;  // of two, the second needs no name
  std::string body;
  for (const auto& row : table.rows) {
    std::string cells;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const bool is_first = i == 0;
      cells += element(
          is_first ? "th" : "td", text_of(row[i].text),
          {{"scope", is_first ? "row" : ""},
           {"role", is_first ? "rowheader" : "cell"},
           {"class", row[i].look},
           {"data-column", is_first || !has_columns ? std::string_view() : table.head.at(i)}});
    }
    body += element("tr", cells, {{"role", "row"}});
  }
  const std::string whole =
      element("table",
              element("thead", element("tr", head, {{"role", "row"}}), {{"role", "rowgroup"}}) +
                  element("tbody", body, {{"role", "rowgroup"}}),
              {{"role", "table"}});
  return element("div", whole,
                 {{"class", "scroll"},
                  {"role", "region"},
                  {"aria-label", "Table: " + title},
                  {"tabindex", "0"}});
}

/// Charts get the next place in `charts`.
std::string figure_html(const ReportFigure& figure, Json& charts) {
  std::string html = element(
      "figcaption", element("h3", text_of(figure.title)) + element("p", text_of(figure.says)));
  const std::string table = table_html(figure.table, figure.title);
  if (!figure.chart) return element("figure", html + table, {{"class", "wide"}});
  const std::string label =
      "Chart: " + figure.title + ". " + figure.says + " The table below has all its figures.";
  const std::string canvas = element(
      "canvas", "",
      {{"role", "img"}, {"aria-label", label}, {"data-chart", std::to_string(charts.size())}});
  charts.push_back(*figure.chart);
  html += element("div", canvas, {{"class", "plot"}});
  html += element("details", element("summary", "The same as a table") + table);
  return element("figure", html);
}

std::string section_html(const ReportSection& section, Json& charts) {
  std::string html = element("h2", text_of(section.title));
  for (const std::string& words : section.words) html += element("p", text_of(words));
  std::string figures;
  for (const ReportFigure& figure : section.figures) figures += figure_html(figure, charts);
  html += element("div", figures, {{"class", "figures"}});
  return element("section", html, {{"id", section.id}});
}

std::string list_html(const std::vector<std::string>& lines) {
  std::string items;
  for (const std::string& line : lines) items += element("li", text_of(line));
  return element("ul", items);
}

std::string answers_html(const Report& report) {
  std::string html;
  for (const ReportAnswer& answer : report.answers) {
    html += element("article", element("h3", text_of(answer.question)) +
                                   element("p", text_of(answer.answer), {{"class", "answer"}}) +
                                   list_html(answer.because));
  }
  if (!report.answers.empty()) {
    html = element("h2", "Which mode for what") + element("div", html, {{"class", "answers"}});
  }
  if (!report.warnings.empty()) {
    html += element("h2", "How far to believe it") + list_html(report.warnings);
  }
  return element("section", html, {{"id", "answers"}});
}

std::string navigation_html(const Report& report) {
  std::string links;
  for (const ReportSection& section : report.sections) {
    links += element("li", element("a", text_of(section.title), {{"href", "#" + section.id}}));
  }
  return element("nav", element("ul", links), {{"aria-label", "Sections"}});
}

/// Puts each piece where the page has its name in double braces. Pieces are not looked into.
std::string filled(std::string_view page,
                   std::initializer_list<std::pair<std::string_view, std::string_view>> pieces) {
  std::string html;
  for (;;) {
    const std::size_t at = page.find("{{");
    const std::size_t end = page.find("}}", at);
    html += page.substr(0, at);
    if (at == std::string_view::npos || end == std::string_view::npos) return html;
    const std::string_view name = page.substr(at + 2, end - at - 2);
    for (const auto& [piece, text] : pieces) html += piece == name ? text : std::string_view();
    page.remove_prefix(end + 2);
  }
}

}  // namespace

Result<std::string> html_of(const Report& report) {
  if (chart_library().empty()) {
    return Error{Errc::unsupported,
                 "cannot draw a report: this cortado was built without a library for charts; "
                 "install libjs-chart.js and build it again"};
  }
  Json charts = Json::array();
  std::string body = answers_html(report) + navigation_html(report);
  for (const ReportSection& section : report.sections) body += section_html(section, charts);
  return filled(page_html(), {{"style", page_css()},
                              {"library", chart_library()},
                              {"script", page_js()},
                              {"charts", data_of(charts)},
                              {"body", body}});
}

}  // namespace cortado::lab
