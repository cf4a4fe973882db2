// Where a command leaves its figures.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

namespace cortado::tools {

/// A file, standard output, or nothing.
class JsonOutput {
 public:
  /// empty: nothing is wanted; "-": standard output. Throws Refused if the file cannot be written,
  /// so make it before what takes long.
  explicit JsonOutput(std::string path, const char* what = "figures");
  /// Removes a file that it made and did not fill.
  ~JsonOutput();
  JsonOutput(const JsonOutput&) = delete;
  JsonOutput& operator=(const JsonOutput&) = delete;

  bool wanted() const noexcept { return !path_.empty(); }
  /// Then nothing else may be printed there.
  bool takes_standard_output() const noexcept { return path_ == "-"; }
  /// Throws Refused.
  void write(const nlohmann::ordered_json& figures);
  void write_text(const std::string& text);

 private:
  std::string path_;
  const char* what_;
  bool is_new_ = false;
};

}  // namespace cortado::tools
