// A life: one Writer from its join to its end, which sends by every way there is.
//
// Every wait has a deadline that nothing should ever need. One that is reached is `rescued` if
// something should have ended it long before (see Watch::judge). If the owner stood still
// meanwhile, it is `starved`, and no fault of the library.
#pragma once

#include <cortado/writer.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <poll.h>
#include <unistd.h>

#include "life.hpp"

namespace soak {

using Random = std::mt19937_64;
using cortado::SendStatus;

/// One wait, from before it to the end of the scope.
class Watch {
 public:
  /// Drains of an owner within which every lane is served, whatever an owner's death left in hand:
  /// that is handled one by one.
  static constexpr std::uint64_t kEnough = 4 * kMostRepeats;

  Watch(const Files& files, std::uint64_t life, const char* what)
      : Watch(files, life, what, files.patience()) {}
  Watch(const Files& files, std::uint64_t life, const char* what, std::chrono::nanoseconds patience)
      : files_(files), life_(life), what_(what), patience_(patience), begun_(now_ns()) {
    passes_ = files.control->passes.load();
    files.control->waits.fetch_add(1, std::memory_order_relaxed);
    files_.life(life_)->since.store(begun_);
  }
  ~Watch() { files_.life(life_)->since.store(0); }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  cortado::Writer::time_point deadline() const {
    return cortado::Writer::time_point(std::chrono::nanoseconds(begun_) + patience_);
  }
  bool expired() const { return now_ns() - begun_ >= patience_.count(); }
  /// To be called when the wait is over. `expected`: messages of this life, or its join, that the
  /// owner had to see for the wait to end.
  void judge(std::uint64_t expected) const {
    if (!expired()) return;
    const Control& control = *files_.control;
    const Record& record = files_.record(life_);
    const std::int64_t long_ago = now_ns() - patience_.count() / 4;
    const std::int64_t asleep = control.asleep_since.load();
    const std::uint64_t passes = control.passes.load() - passes_;
    const std::uint64_t came = record.high.load();
    const bool was_served = passes >= kEnough || (came >= expected && record.at.load() < long_ago);
    const bool owner_overslept = came < expected && asleep != 0 && asleep < long_ago;
    const auto llu = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
    std::array<char, 200> what{};
    std::snprintf(what.data(), what.size(),
                  "%s of life %llu ended by its deadline; %llu of %llu messages came, the owner "
                  "drained %llu times and %s",
                  what_, llu(life_), llu(came), llu(expected), llu(passes),
                  asleep != 0 ? "sleeps" : "is awake");
    if (was_served || owner_overslept) {
      found(*files_.control, kRescued, "%s", what.data());
    } else if (files_.control->starved.fetch_add(1) < 20) {
      std::fprintf(stderr, "soak: starved: %s\n", what.data());
    }
  }

 private:
  const Files& files_;
  std::uint64_t life_;
  const char* what_;
  std::chrono::nanoseconds patience_;
  std::int64_t begun_;
  std::uint64_t passes_;
};

class Pen {
 public:
  Pen(const Files& files, std::string directory, std::uint32_t slot, Random& random)
      : files_(files), directory_(std::move(directory)), slot_(slot), random_(random) {}

  bool joined() const { return writer_.has_value(); }
  std::uint64_t written() const { return number_; }

  /// Begins a life. False: not yet.
  bool join() {
    Control& control = *files_.control;
    if (control.used.load() >= kLives - kSlots) return false;
    number_ = 0;
    life_number_ = control.first_life.load() + control.used.fetch_add(1);
    life_ = files_.life(life_number_);
    life_->slot.store(slot_);
    control.current[slot_].store(life_number_);
    cortado::JoinOptions options;
    options.name = std::string("w").append(std::to_string(slot_));
    options.directory = directory_;
    options.timeout = files_.patience();
    const Watch watch(files_, life_number_, "join");
    while (!watch.expired()) {
      const std::uint64_t before = control.generation.load();
      auto writer = cortado::Writer::join("soak", options);
      if (writer) {
        // An owner admits nobody before it has raised the generation.
        if (control.generation.load() == before) life_->settled.store(before);
        writer_.emplace(std::move(*writer));
        event_loop_ = random_() % 3 == 0;
        if (event_loop_) writer_->fd();
        longest_ = files_.control->ring_bytes - 16;
        if (writer_->max_message() != longest_) {
          found(control, kSurprise, "w%u: a ring of another size", slot_);
        }
        watch.judge(1);
        return true;
      }
      const cortado::Errc code = writer.error().code;
      const bool passes = code == cortado::Errc::no_owner || code == cortado::Errc::try_again ||
                          code == cortado::Errc::timed_out;
      if (!passes) found(control, kSurprise, "w%u: %s", slot_, writer.error().text.c_str());
      ::usleep(500);
    }
    watch.judge(1);
    return false;
  }

  /// Tries to send the next message by one of the ways. True: it is sent.
  bool write() {
    key_ = key_of(files_.control->seed, life_number_, number_);
    length_ = length_of(key_, number_, longest_);
    life_->started.store(number_ + 1);
    bool sent = false;
    const bool lull = files_.control->lull.load(std::memory_order_relaxed) != 0;
    const std::uint64_t way = lull ? 32 + random_() % 32 : random_() % 64;
    if (way < 32) {
      sent = took(writer_->try_send(message()));
    } else if (way < 40) {
      const Watch watch(files_, life_number_, "send");
      sent = took(writer_->send(message(), watch.deadline()));
      watch.judge(number_);
    } else if (way < 52) {
      sent = by_claim(writer_->claim(room_for_claim()));
    } else if (way < 60) {
      const Watch watch(files_, life_number_, "claim_until");
      sent = by_claim(writer_->claim_until(room_for_claim(), watch.deadline()));
      watch.judge(number_);
    } else if (length_ + 8 <= longest_) {  // an ask has a prefix
      sent = ask();
    }
    if (sent) life_->sent.store(++number_);
    if (writer_->sequence() != number_) {
      found(*files_.control, kMiscounted, "w%u: sequence %llu after %llu messages", slot_,
            static_cast<unsigned long long>(writer_->sequence()),
            static_cast<unsigned long long>(number_));
    }
    return sent;
  }

  void wait_applied() {
    const Watch watch(files_, life_number_, "wait_applied");
    const auto applied = writer_->wait_applied(watch.deadline());
    if (!applied && !watch.expired()) {
      found(*files_.control, kSurprise, "w%u: %s", slot_, applied.error().text.c_str());
    }
    watch.judge(number_);
  }

  void pause(unsigned microseconds) {
    const Watch watch(files_, life_number_, "pause");
    ::usleep(microseconds);
  }

  /// Ends the life in order.
  void leave() {
    // Without a keeper, who leaves at once may leave messages that no next owner gets.
    const bool at_once = files_.control->keeper != 0 && random_() % 4 == 0;
    if (!at_once) {
      const Watch watch(files_, life_number_, "close");
      if (writer_->close(watch.deadline()) != 0) {
        if (!watch.expired()) found(*files_.control, kSurprise, "w%u: close gave up early", slot_);
        if (files_.control->keeper == 0) life_->excepted.store(1);
      }
      watch.judge(number_);
    }
    writer_.reset();
    life_->ended.store(1);
  }

  /// A seeded bug: this life was told `sent` once more than it sent.
  void boast() { life_->started.store(number_ + 1), life_->sent.store(number_ + 1); }
  /// A seeded bug: a wait for room that nobody wakes.
  void stay_sleeping() {
    const Watch watch(files_, life_number_, "send");
    while (!watch.expired()) ::usleep(1000);
    watch.judge(number_);
  }

 private:
  std::span<const std::byte> message() {
    buffer_.resize(length_);
    fill(buffer_, key_, life_number_, number_);
    return buffer_;
  }

  /// At times more than is needed, and given back.
  std::size_t room_for_claim() {
    return std::min<std::uint64_t>(longest_, length_ + (random_() % 4 == 0 ? random_() % 64 : 0));
  }

  bool by_claim(cortado::Claim claim) {
    if (!claim) return took(claim.status());
    if (random_() % 16 == 0) {
      fill(claim->bytes(), ~key_, life_number_, number_);
      claim->discard();
      return false;
    }
    fill(claim->bytes().first(length_), key_, life_number_, number_);
    return took(claim->commit(length_));
  }

  /// True: sent. Else what there is to do before the next try is done.
  bool took(SendStatus status) {
    if (status == SendStatus::sent) return true;
    if (status == SendStatus::full) {
      if (event_loop_) wait_in_event_loop();
    } else if (status == SendStatus::no_owner && files_.control->keeper == 0) {
      ::usleep(200);
    } else {
      found(*files_.control, kSurprise, "w%u: a send says '%s'", slot_, cortado::to_string(status));
      ::usleep(1000);
    }
    return false;
  }

  void wait_in_event_loop() {
    const Watch watch(files_, life_number_, "poll(fd)");
    pollfd state{writer_->fd(), POLLIN, 0};
    ::poll(&state, 1, static_cast<int>(files_.patience().count()));
    const SendStatus status = writer_->poll();
    if (status == SendStatus::no_owner && files_.control->keeper == 0) {
      ::usleep(200);
    } else if (status != SendStatus::sent) {
      found(*files_.control, kSurprise, "w%u: poll says '%s'", slot_, cortado::to_string(status));
    }
    watch.judge(number_);
  }

  bool ask() {
    cortado::AskOptions options;
    options.reply_limit = static_cast<std::uint32_t>(sizeof(Answer) + random_() % 600);
    // Less, for an answer may have died with its owner, and then nothing else ends the wait.
    const Watch watch(files_, life_number_, "ask", files_.patience() / 4);
    const auto reply = writer_->ask(message(), watch.deadline(), options);
    if (reply) {
      Answer answer{};
      const bool whole = reply->size() == sizeof answer;
      if (whole) std::memcpy(&answer, reply->data(), sizeof answer);
      if (!whole || answer.life != life_number_ || answer.number != number_ ||
          answer.check != Answer::check_of(key_, answer.generation)) {
        found(*files_.control, kWrongAnswer, "w%u: to message %llu of life %llu", slot_,
              static_cast<unsigned long long>(number_),
              static_cast<unsigned long long>(life_number_));
      }
      life_->settled.store(answer.generation);
      watch.judge(number_ + 1);
      return true;
    }
    const cortado::Errc code = reply.error().code;
    if (code == cortado::Errc::unknown && watch.expired()) {
      judge_unanswered(watch);
      return true;
    }
    const bool late = code == cortado::Errc::timed_out || code == cortado::Errc::no_owner;
    if (!late || !watch.expired()) {
      found(*files_.control, kSurprise, "w%u: %s", slot_, reply.error().text.c_str());
    }
    watch.judge(number_);
    return writer_->sequence() != number_;
  }

  /// The owner that had applied the question may have died before it answered; nobody else has the
  /// answer. Once for each death of an owner, the judge sees to that.
  void judge_unanswered(const Watch& watch) {
    const Record& record = files_.record(life_number_);
    const bool handled = record.high.load() > number_;
    if (handled && record.asked_in.load() != files_.control->generation.load()) {
      files_.control->excused.fetch_add(1);
    } else {
      watch.judge(number_ + 1);
    }
  }

  const Files& files_;
  std::string directory_;
  std::uint32_t slot_;
  Random& random_;
  std::optional<cortado::Writer> writer_;
  std::vector<std::byte> buffer_;
  Life* life_ = nullptr;
  std::uint64_t life_number_ = 0;
  std::uint64_t number_ = 0;  ///< of the next message
  std::uint64_t key_ = 0;     ///< of that
  std::uint64_t length_ = 0;
  std::uint64_t longest_ = 0;
  bool event_loop_ = false;
};

}  // namespace soak
