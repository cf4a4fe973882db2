// A program that embeds cortado with its journal: what arrived is in a SQLite file, and is printed
// from there.
#include <cortado/cortado.hpp>
#include <cortado/journal.hpp>

#include <cstdio>
#include <string>

#include <unistd.h>

int main() {
  const std::string name = "embed-" + std::to_string(getpid());
  const std::string file = "/tmp/cortado-" + name + ".db";
  std::string buffer;
  {
    auto journal = cortado::Journal::open(file);
    if (!journal) return std::fprintf(stderr, "%s\n", journal.error().text.c_str()), 1;
    cortado::OwnerOptions options;
    options.manual_release = true;
    auto owner = cortado::Owner::open(name, options);
    if (!owner) return std::fprintf(stderr, "%s\n", owner.error().text.c_str()), 1;
    auto writer = owner->make_writer();
    if (!writer) return std::fprintf(stderr, "%s\n", writer.error().text.c_str()), 1;

    if (writer->try_send("Mocha with Milk") != cortado::SendStatus::sent) return 1;
    auto done = journal->drain(*owner, [](const cortado::Message&) {});
    if (!done) return std::fprintf(stderr, "%s\n", done.error().text.c_str()), 1;
    auto read = journal->replay([&](const cortado::Message& m) { buffer.assign(m.text()); });
    if (!read || *read != 1) return 1;
  }
  std::puts(buffer.c_str());
  return unlink(file.c_str()) == 0 ? 0 : 1;
}
