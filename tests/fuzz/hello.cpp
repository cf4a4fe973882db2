// What an owner makes of a Hello: Hello::well_formed, check_policy, check_identity, check_schemas.
//
// Input: the owner's situation (which of four writers it has, its limits), who the kernel says is
// calling, how many bytes came, and the bytes.
//
// Invariants:
//   - a writer is let in exactly if the rules below let it in, which are written from the
//     documentation of OwnerOptions and lane/handshake.hpp;
//   - its name can be shown in one line and is nobody else's;
//   - a refusal is one line of text.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include <unistd.h>

#include "../support/inside.hpp"
#include "lane/handshake.hpp"
#include "target.hpp"

namespace cortado::fuzz {
namespace {

using test::OwnerParts;

constexpr std::uint32_t kGuest = 70'000;  // of another user, whom the owner admits
constexpr std::int32_t kKnownPid = 7;

struct Situation {
  std::uint8_t present = 0;  ///< bit k: it has writer k
  std::uint8_t leaving = 0;  ///< bit k: which is leaving
  std::uint8_t condemned = 0;
  std::uint8_t limit = 0;  ///< max_writers - 1, modulo 4
  std::uint8_t share = 0;  ///< max_writers_per_user, modulo 4
  std::uint8_t closing = 0;
  std::uint8_t uid = 0;  ///< ours, root's, a guest's, a stranger's
  std::uint8_t pid = 0;
  std::uint32_t received = 0;
  std::uint32_t unused = 0;

  static constexpr std::uint32_t kUids = 4;
  std::uint32_t peer_uid() const noexcept {
    const std::uint32_t uids[kUids] = {own_uid(), 0, kGuest, kGuest + 1};
    return uids[uid % kUids];
  }
  std::int32_t peer_pid() const noexcept { return (pid & 1) != 0 ? kKnownPid : 0; }
  static std::uint32_t own_uid() {
    static const std::uint32_t uid = ::geteuid();
    return uid;
  }
};

struct Known {
  const char* name;
  std::uint32_t uid;
};
constexpr std::size_t kWriters = 4;
const Known kKnown[kWriters] = {
    {"pid-7", Situation::own_uid()}, {"pid-7-2", kGuest}, {"anna", kGuest}, {"ben", 0}};
const Schema kSchemas[] = {{"Order", 3, 0x1122334455667788ULL}, {"Look", 1, 0}};

WriterId identity_of(std::size_t writer) {
  WriterId id;
  id.bytes[0] = static_cast<std::byte>(writer + 1);
  return id;
}

/// Made once; its lanes have no memory, only a name and an identity.
class Door {
 public:
  Door() {
    owner_.name = "door";
    owner_.options.other_users = {kGuest};
    owner_.options.schemas.assign(std::begin(kSchemas), std::end(kSchemas));
    owner_.kept = std::move(*lane::KeptMemory::map(-1, lane::kept_bytes(1, 0)));
    owner_.lanes.reserve(kWriters);
    for (std::size_t i = 0; i < kWriters; ++i) {
      lanes_[i].name = kKnown[i].name;
      lanes_[i].uid = kKnown[i].uid;
      lanes_[i].id = identity_of(i);
    }
  }

  void arrange(const Situation& situation) {
    owner_.lanes.clear();
    for (std::size_t i = 0; i < kWriters; ++i) {
      lanes_[i].leaving = (situation.leaving >> i & 1) != 0;
      lanes_[i].condemned = (situation.condemned >> i & 1) != 0;
      if ((situation.present >> i & 1) != 0) owner_.lanes.push_back(&lanes_[i]);
    }
    owner_.kept->header().max_lanes = 1 + situation.limit % kWriters;
    owner_.options.max_writers_per_user = situation.share % kWriters;
    owner_.closing = (situation.closing & 1) != 0;
  }

  /// As Owner::Impl::hear_hello and admit, without a socket and without a lane.
  Result<std::string> hear(const Situation& situation, const lane::Hello& hello) {
    if (!hello.well_formed(situation.received)) return Error{Errc::version_mismatch, "no Hello"};
    auto name = owner_.check_policy(hello, {-1, situation.peer_uid(), situation.peer_pid()});
    if (!name) return name;
    if (auto own = owner_.check_identity(hello.identity); !own) return own.error();
    if (auto typed = owner_.check_schemas(hello); !typed) return typed.error();
    return name;
  }

  bool has(std::string_view name) const {
    for (const OwnerLane* lane : owner_.lanes) {
      if (lane->name == name) return true;
    }
    return false;
  }

 private:
  OwnerParts owner_;
  OwnerLane lanes_[kWriters];
};

bool one_line(std::string_view text) {
  for (const char c : text) {
    if ((c >= 0 && c < 0x20) || c == 0x7f) return false;
  }
  return true;
}

/// The bytes of a field that are a text, by the byte.
template <std::size_t N>
std::string text_of(const char (&field)[N]) {
  std::string text;
  for (std::size_t i = 0; i < N && field[i] != 0; ++i) text += field[i];
  return text;
}

bool typed_as_here(const lane::Hello& hello) {
  if (hello.schema_count > 16) return false;
  for (std::uint32_t i = 0; i < hello.schema_count; ++i) {
    const lane::WireSchema& wire = hello.schemas[i];
    bool known = false;
    for (const Schema& mine : kSchemas) {
      known = known || (text_of(wire.name) == mine.name && wire.version == mine.version &&
                        wire.fields_hash == mine.fields_hash);
    }
    if (!known) return false;
  }
  return true;
}

bool may_come_in(const Situation& situation, const lane::Hello& hello) {
  if (situation.received != sizeof hello || hello.magic != lane::kHelloMagic) return false;
  if (hello.protocol_version != lane::kProtocolVersion) return false;
  if (hello.layout_version != ring::kLayoutVersion) return false;
  if ((situation.closing & 1) != 0 || situation.uid % Situation::kUids == 3) return false;
  if (hello.attempts >= OwnerParts::kMaxAttempts) return false;
  std::uint32_t writers = 0, of_this_user = 0;
  const std::string name = text_of(hello.name);
  for (std::size_t i = 0; i < kWriters; ++i) {
    if ((situation.present >> i & 1) == 0) continue;
    ++writers;
    if (kKnown[i].uid == situation.peer_uid()) ++of_this_user;
    if (name == kKnown[i].name || hello.identity == identity_of(i)) return false;
  }
  const std::uint32_t share = situation.share % kWriters;
  return writers < 1 + situation.limit % kWriters && (share == 0 || of_this_user < share) &&
         name.size() < sizeof hello.name && one_line(name) && typed_as_here(hello);
}

}  // namespace
}  // namespace cortado::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cortado::fuzz;
  static auto& door = *new Door;
  Choices input(data, size);
  const auto situation = input.take<Situation>();
  const auto hello = input.take<cortado::lane::Hello>();
  door.arrange(situation);
  const auto name = door.hear(situation, hello);
  require(static_cast<bool>(name) == may_come_in(situation, hello), "who may come in, comes in");
  if (name) {
    require(!name->empty() && name->size() < cortado::lane::kNameBytes && one_line(*name),
            "a name can be shown in one line");
    require(!door.has(*name), "a name is nobody else's");
  } else {
    require(!name.error().text.empty() && one_line(name.error().text), "a refusal is one line");
  }
  return 0;
}

CORTADO_UNWATCHED_BEGIN
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max, unsigned seed) {
  using namespace cortado;
  using namespace cortado::fuzz;
  constexpr std::size_t kWhole = sizeof(Situation) + sizeof(lane::Hello);
  if (max < kWhole) return 0;
  Random random(seed);
  Choices input(data, size);
  auto situation = input.take<Situation>();
  auto hello = size < kWhole ? lane::Hello{} : input.take<lane::Hello>();
  situation.received = sizeof hello;
  constexpr const char* kNames[] = {"", "", "anna", "ben", "pid-7", "pid-7-2", "dino", "a\nb"};
  switch (random.below(8)) {
    case 0:
      situation.present = static_cast<std::uint8_t>(random() & random());
      situation.leaving = static_cast<std::uint8_t>(random());
      situation.condemned = static_cast<std::uint8_t>(random());
      break;
    case 1:
      situation.limit = static_cast<std::uint8_t>(random());
      situation.share = static_cast<std::uint8_t>(random.one_in(2) ? 0 : random());
      break;
    case 2:
      situation.closing = random.one_in(8) ? 1 : 0;
      situation.uid = static_cast<std::uint8_t>(random());
      situation.pid = static_cast<std::uint8_t>(random());
      break;
    case 3:
      lane::set_text(hello.name, random.of(kNames));
      hello.identity = random.one_in(3) ? identity_of(random.below(kWriters)) : WriterId{};
      break;
    case 4:
    case 5: {
      hello.schema_count = static_cast<std::uint32_t>(random.below(random.one_in(8) ? 20 : 4));
      lane::WireSchema& wire = hello.schemas[random.below(lane::kMaxSchemas)];
      const Schema& schema = random.of(kSchemas);
      lane::set_text(wire.name, schema.name);
      wire.version = schema.version;
      wire.fields_hash = schema.fields_hash;
      break;
    }
    case 6:
      hello.attempts = static_cast<std::uint32_t>(random.below(4));
      hello.first_sequence = edge(random);
      break;
    default:
      LLVMFuzzerMutate(reinterpret_cast<std::uint8_t*>(&hello), sizeof hello, sizeof hello);
      if (random.one_in(8)) situation.received = static_cast<std::uint32_t>(edge(random));
      break;
  }
  if (!random.one_in(8)) {
    hello.magic = lane::kHelloMagic;
    hello.protocol_version = lane::kProtocolVersion;
    hello.layout_version = ring::kLayoutVersion;
    if (hello.attempts > 3) hello.attempts = 0;
  }
  std::memcpy(data, &situation, sizeof situation);
  std::memcpy(data + sizeof situation, &hello, sizeof hello);
  return kWhole;
}
CORTADO_UNWATCHED_END
