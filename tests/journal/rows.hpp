// What stands in a journal, read by plain SQL through a connection of its own; and messages made by
// hand.
#pragma once

#include <cortado/message.hpp>

#include <compare>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sqlite3.h>

namespace journal_test {

/// One row of the table `message`, and of whom it is.
struct Row {
  std::int64_t id = 0;
  std::string writer;
  std::int64_t sequence = 0;
  std::int64_t tag = 0;
  std::string bytes;

  friend bool operator==(const Row&, const Row&) = default;
};

inline std::ostream& operator<<(std::ostream& out, const Row& row) {
  return out << row.id << ": " << row.writer << " " << row.sequence << " " << row.tag << " '"
             << row.bytes.substr(0, 40) << "'";
}

class Reader {
 public:
  explicit Reader(const std::string& path, int flags = SQLITE_OPEN_READWRITE) {
    sqlite3* handle = nullptr;
    status_ = sqlite3_open_v2(path.c_str(), &handle, flags, nullptr);
    handle_.reset(handle);
    sqlite3_busy_timeout(handle, 10'000);
  }

  /// SQLITE_OK, or what went wrong, in words too.
  int run(const std::string& sql) {
    status_ = sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr);
    return status_;
  }
  std::string why() const { return sqlite3_errmsg(handle_.get()); }

  /// All columns of all rows, as text.
  std::vector<std::vector<std::string>> ask(const std::string& sql) {
    std::vector<std::vector<std::string>> rows;
    sqlite3_stmt* statement = nullptr;
    status_ = sqlite3_prepare_v2(handle_.get(), sql.c_str(), -1, &statement, nullptr);
    while (status_ == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW) {
      std::vector<std::string>& row = rows.emplace_back();
      for (int i = 0; i < sqlite3_column_count(statement); ++i) {
        const void* data = sqlite3_column_blob(statement, i);
        const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, i));
        row.emplace_back(static_cast<const char*>(data), data == nullptr ? 0 : size);
      }
    }
    status_ = sqlite3_finalize(statement);
    return rows;
  }
  int status() const { return status_; }
  std::string first(const std::string& sql) {
    const auto rows = ask(sql);
    return rows.empty() ? std::string("nothing") : rows[0][0];
  }

  std::vector<Row> messages() {
    std::vector<Row> rows;
    for (auto& each : ask("SELECT m.id, w.name, m.sequence, m.tag, m.bytes FROM message m JOIN "
                          "writer w ON w.id = m.writer ORDER BY m.id")) {
      rows.push_back({std::atoll(each[0].c_str()), each[1], std::atoll(each[2].c_str()),
                      std::atoll(each[3].c_str()), each[4]});
    }
    return rows;
  }
  /// "name next_sequence", in the order in which writers were first seen.
  std::vector<std::string> positions() {
    std::vector<std::string> all;
    for (auto& each : ask("SELECT name, next_sequence FROM writer ORDER BY id")) {
      all.push_back(each[0] + " " + each[1]);
    }
    return all;
  }

 private:
  struct Close {
    void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
  };
  std::unique_ptr<sqlite3, Close> handle_;
  int status_ = SQLITE_OK;
};

/// A writer's identity from one letter.
inline cortado::WriterId identity(char letter) {
  cortado::WriterId id;
  id.bytes.fill(static_cast<std::byte>(letter));
  return id;
}

/// A message as an owner hands it out, of the writer with that one-letter name.
class Made {
 public:
  Made(char writer, std::uint64_t sequence, std::string text, std::uint16_t tag = 0,
       std::uint32_t uid = 1000)
      : name_(1, writer), text_(std::move(text)), message_(parts_) {
    parts_.bytes = std::as_bytes(std::span(text_.data(), text_.size()));
    parts_.writer = name_;
    parts_.writer_id = identity(writer);
    parts_.writer_uid = uid;
    parts_.sequence = sequence;
    parts_.tag = tag;
  }
  Made(const Made&) = delete;
  Made& operator=(const Made&) = delete;
  operator const cortado::Message&() const { return message_; }

 private:
  std::string name_;
  std::string text_;
  cortado::Message::Parts parts_;
  cortado::Message message_;
};

}  // namespace journal_test
