// The journal of a program that is built without SQLite: it cannot be opened.
#include <cortado/journal.hpp>

#include <utility>

namespace cortado {

struct Journal::Impl {};

Result<Journal> Journal::open(const std::string& path, JournalOptions) {
  return Error{Errc::unsupported, "cannot open the journal " + path +
                                      ": this cortado was built without SQLite; install it, and "
                                      "build again with -Djournal=enabled"};
}

// What nobody reaches without an open journal.
Journal::Journal(Journal&&) noexcept = default;
Journal& Journal::operator=(Journal&&) noexcept = default;
Journal::~Journal() = default;
bool Journal::add(const Message&) {
  return false;
}
std::size_t Journal::pending() const noexcept {
  return 0;
}
bool Journal::batch_full() const noexcept {
  return true;
}
Result<void> Journal::commit() {
  return Error{Errc::unsupported, "this cortado was built without SQLite"};
}

}  // namespace cortado
