#include "lab/trace.hpp"

#include <algorithm>
#include <array>
#include <cinttypes>
#include <cstdarg>
#include <cstdio>
#include <optional>
#include <utility>
#include <vector>

namespace cortado::lab {
namespace {

using modes::ApplyTimes;
using modes::OrderTimes;
using modes::Sharing;
using modes::Stamp;

/// Whose line an event is on.
struct Track {
  std::uint32_t pid;
  std::uint32_t tid;
};

struct Slice {
  std::uint64_t begin;
  std::uint64_t end;
  std::optional<std::uint64_t> order;
};

/// Events, each on a line of its own. Times are nanoseconds, told in microseconds.
class Events {
 public:
  void name(const char* what, Track track, const std::string& name) {
    add(R"({"ph":"M","name":"%s","pid":%u,"tid":%u,"args":{"name":"%s"}})", what, track.pid,
        track.tid, name.c_str());
  }
  void slice(const char* name, Track track, const Slice& slice) {
    const std::uint64_t length = slice.end - std::min(slice.begin, slice.end);
    const std::string order = slice.order ? std::to_string(*slice.order) : "null";
    add(R"({"ph":"X","name":"%s","cat":"order","pid":%u,"tid":%u,"ts":%s,"dur":%s,)"
        R"("args":{"order":%s}})",
        name, track.pid, track.tid, time(slice.begin).data(), time(length).data(), order.c_str());
  }
  void arrow_begins(Track track, std::uint64_t at, std::uint64_t order) {
    add(R"({"ph":"s","name":"order","cat":"order","id":%)" PRIu64 R"(,"pid":%u,"tid":%u,"ts":%s})",
        order, track.pid, track.tid, time(at).data());
  }
  void arrow_ends(Track track, std::uint64_t at, std::uint64_t order) {
    add(R"({"ph":"f","bp":"e","name":"order","cat":"order","id":%)" PRIu64
        R"(,"pid":%u,"tid":%u,"ts":%s})",
        order, track.pid, track.tid, time(at).data());
  }
  void depth(std::uint32_t pid, std::uint64_t at, std::int64_t orders) {
    add(R"({"ph":"C","name":"queue depth","pid":%u,"tid":0,"ts":%s,"args":{"orders":%)" PRId64 "}}",
        pid, time(at).data(), orders);
  }
  std::string take() { return std::move(text_); }

 private:
  using Time = std::array<char, 48>;
  static Time time(std::uint64_t ns) {
    Time text{};
    std::snprintf(text.data(), text.size(), "%" PRIu64 ".%03" PRIu64, ns / 1000, ns % 1000);
    return text;
  }
  [[gnu::format(printf, 2, 3)]] void add(const char* format, ...) {
    std::array<char, 256> line{};
    va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(line.data(), line.size(), format, arguments);
    va_end(arguments);
    if (!text_.empty()) text_ += ",\n";
    text_ += line.data();
  }

  std::string text_;
};

class Telling {
 public:
  explicit Telling(const Trace& trace)
      : stage_(trace.stage),
        mode_(trace.mode),
        scale_(trace.first, trace.last),
        has_owner_(trace.mode.sharing == Sharing::ring),
        owner_{stage_.host().pid.load(), stage_.workload().writers + 1} {}

  TraceText tell() {
    events_.name("process_name", owner_, "host");
    for (std::uint32_t w = 0; w < stage_.workload().writers; ++w) tell_writer(w);
    if (has_owner_) tell_owner();
    tell_depth();
    const std::string head =
        R"({"displayTimeUnit":"ns","otherData":{"schema":"cortado-trace-1","mode":")" +
        std::string(mode_.name) + R"(","applied":)" + std::to_string(result_.applied) +
        R"(,"unfinished":)" + std::to_string(result_.unfinished) + R"(,"dropped":)" +
        std::to_string(result_.dropped) + "},\n\"traceEvents\":[\n";
    result_.json = head + events_.take() + "\n]}\n";
    return std::move(result_);
  }

 private:
  std::uint64_t at(std::uint64_t ticks) const noexcept { return scale_.ns_since_first(ticks); }

  void tell_writer(std::uint32_t w) {
    const modes::WriterNotes& notes = stage_.writer(w);
    const bool is_process = mode_.isolation == modes::Isolation::process;
    const Track track{is_process ? notes.pid.load() : owner_.pid, w + 1};
    const std::string name = "writer " + std::to_string(w + 1);
    if (is_process) events_.name("process_name", track, name);
    events_.name("thread_name", track, name);
    const std::uint64_t begun = notes.begun.load();
    const std::uint64_t room = stage_.head().timeline_room;
    result_.dropped += begun - std::min(begun, room);
    for (std::uint64_t i = 0; i < std::min(begun, room); ++i) tell_order(track, {w, i});
  }

  void tell_order(Track track, Stamp stamp) {
    const std::uint64_t index = stamp.writer() * stage_.head().timeline_room + stamp.sequence();
    const OrderTimes& times = stage_.order_times()[index];
    const ApplyTimes& applied = stage_.apply_times()[index];
    if (times.begun == 0) return;  // killed before it was noted
    const std::uint64_t order = stage_.workload().number_of(stamp);
    const std::uint64_t begin = times.granted != 0 ? times.granted : times.begun;
    if (begin != times.begun) {
      events_.slice("waiting", track, {at(times.begun), at(begin), order});
    }
    // Of who was killed, as far as it is known.
    std::uint64_t end = times.sent != 0 ? times.sent : times.done;
    if (end == 0) end = std::max(begin, has_owner_ ? 0 : applied.done);
    events_.slice(mode_.sharing == Sharing::mutex ? "locking" : "writing", track,
                  {at(begin), at(end), order});
    if (applied.begun == 0) {
      ++result_.unfinished;
    } else {
      tell_applied(track, order, at(times.begun), {at(applied.begun), at(applied.done), order});
    }
    if (times.sent != 0 && times.done != 0) {
      events_.slice("waiting", track, {at(times.sent), at(times.done), order});
    }
  }

  void tell_applied(Track track, std::uint64_t order, std::uint64_t begun, const Slice& applying) {
    ++result_.applied;
    events_.arrow_begins(track, begun, order);
    changes_.emplace_back(begun, 1);
    changes_.emplace_back(applying.begin, -1);
    if (has_owner_) {
      at_owner_.push_back(applying);
      return;
    }
    events_.slice("applying", track, applying);
    events_.arrow_ends(track, applying.begin, order);
  }

  void tell_owner() {
    events_.name("thread_name", owner_, "owner");
    const std::uint64_t naps = std::min<std::uint64_t>(stage_.host().naps, stage_.naps().size());
    for (const ApplyTimes& nap : stage_.naps().first(naps)) {
      if (nap.done != 0) at_owner_.push_back({at(nap.begun), at(nap.done), std::nullopt});
    }
    std::stable_sort(at_owner_.begin(), at_owner_.end(),
                     [](const Slice& a, const Slice& b) { return a.begin < b.begin; });
    for (const Slice& slice : at_owner_) {
      events_.slice(slice.order ? "applying" : "waiting", owner_, slice);
      if (slice.order) events_.arrow_ends(owner_, slice.begin, *slice.order);
    }
  }

  void tell_depth() {
    std::sort(changes_.begin(), changes_.end(), [](const auto& a, const auto& b) {
      return a.first != b.first ? a.first < b.first : a.second > b.second;
    });
    std::int64_t depth = 0;
    for (std::size_t i = 0; i < changes_.size(); ++i) {
      depth += changes_[i].second;
      const bool is_last = i + 1 == changes_.size() || changes_[i + 1].first != changes_[i].first;
      if (is_last) events_.depth(owner_.pid, changes_[i].first, depth);
    }
  }

  const modes::Stage& stage_;
  const modes::Mode& mode_;
  os::TickScale scale_;
  bool has_owner_;
  Track owner_;
  Events events_;
  std::vector<Slice> at_owner_;
  std::vector<std::pair<std::uint64_t, int>> changes_;  ///< of the depth, and when
  TraceText result_;
};

}  // namespace

TraceText text_of(const Trace& trace) {
  return Telling(trace).tell();
}

}  // namespace cortado::lab
