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
  explicit JsonOutput(std::string path);
  /// Removes a file that it made and did not fill.
  ~JsonOutput();
  JsonOutput(const JsonOutput&) = delete;
  JsonOutput& operator=(const JsonOutput&) = delete;

  bool wanted() const noexcept { return !path_.empty(); }
  /// Then nothing else may be printed there.
  bool takes_standard_output() const noexcept { return path_ == "-"; }
  /// Throws Refused.
  void write(const nlohmann::ordered_json& figures);

 private:
  std::string path_;
  bool is_new_ = false;
};

}  // namespace cortado::tools
