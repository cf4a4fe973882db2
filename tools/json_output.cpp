#include "json_output.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include <unistd.h>

#include "command.hpp"
#include "lab/json.hpp"
#include "lines.hpp"
#include "workload_options.hpp"

namespace cortado::tools {
namespace {

Refused cannot_write(int status, const char* what, const std::string& path, int why) {
  return {status, "cannot write " + std::string(what) + " to " + path + ": " + std::strerror(why) +
                      "; check the path and who may write there"};
}

}  // namespace

JsonOutput::JsonOutput(std::string path, const char* what) : path_(std::move(path)), what_(what) {
  if (path_.empty() || path_ == "-") return;
  const bool was_there = ::access(path_.c_str(), F_OK) == 0;
  if (const int why = why_unwritable(path_); why != 0) {
    throw cannot_write(exit_code_for_open(why), what_, path_, why);
  }
  is_new_ = !was_there;
}

JsonOutput::~JsonOutput() {
  if (is_new_) ::unlink(path_.c_str());
}

void JsonOutput::write(const nlohmann::ordered_json& figures) {
  if (wanted()) write_text(lab::text_of(figures));
}

void JsonOutput::write_text(const std::string& text) {
  if (!wanted()) return;
  if (takes_standard_output()) return print(text);
  std::FILE* const file = std::fopen(path_.c_str(), "we");
  if (file == nullptr) throw cannot_write(kFailed, what_, path_, errno);
  const bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  const int why = errno;
  if (std::fclose(file) != 0 || !written)
    throw cannot_write(kFailed, what_, path_, written ? errno : why);
  is_new_ = false;
}

}  // namespace cortado::tools
