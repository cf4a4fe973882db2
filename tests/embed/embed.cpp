// A program that embeds cortado: an owner with one writer in its own thread. It prints what
// arrived.
#include <cortado/cortado.hpp>

#include <cstdio>
#include <string>

#include <unistd.h>

int main() {
  auto owner = cortado::Owner::open("embed-" + std::to_string(getpid()));
  if (!owner) return std::fprintf(stderr, "%s\n", owner.error().text.c_str()), 1;
  auto writer = owner->make_writer();
  if (!writer) return std::fprintf(stderr, "%s\n", writer.error().text.c_str()), 1;

  if (writer->try_send("Mocha with Milk") != cortado::SendStatus::sent) return 1;
  std::string buffer;
  owner->drain([&](const cortado::Message& message) { buffer.assign(message.text()); });
  std::puts(buffer.c_str());
  return 0;
}
