// Questions. The writer keeps ring bytes free for each answer before it asks, so the owner never
// has to wait for room: sum of the credits of `asked` <= capacity of the ring back.
#include <array>
#include <cstring>

#include "os/fork_guard.hpp"
#include "os/pause.hpp"
#include "writer/writer_impl.hpp"

namespace cortado {

Error Writer::Impl::sending_error(SendStatus status, const char* attempted) const {
  const std::string who = std::string("cannot ") + attempted + " owner '" + owner + "': ";
  switch (status) {
    case SendStatus::sent:
      break;
    case SendStatus::full:
      return {Errc::timed_out,
              who + "its ring stayed full until the deadline; it is slow or stopped"};
    case SendStatus::no_owner:
      return {Errc::no_owner, who + "it is gone, and no next one came before the deadline"};
    case SendStatus::too_large:
      return {Errc::too_large, who + "the message is longer than " + std::to_string(max_length) +
                                   " bytes; split it, or give the owner larger rings"};
    case SendStatus::closing:
      return {Errc::closing, who + "it is closing, or this writer was closed or evicted"};
    case SendStatus::quarantined:
      return {Errc::quarantined, who + "it no longer reads this lane; its event says why"};
    case SendStatus::forked:
      return {Errc::forked, who + "this writer belongs to the parent process; join anew"};
  }
  return {Errc::system, who + "for no known reason"};
}

Result<void> Writer::Impl::put_ask(std::span<const std::byte> message, std::uint16_t tag,
                                   clock::time_point deadline, AskOptions ask_options) {
  const std::uint64_t length = sizeof(ring::AskPrefix) + message.size();
  SendStatus status = SendStatus::sent;
  std::byte* room = claim_until(length, deadline, status);
  if (room == nullptr) return sending_error(status, "ask");
  // After the wait: a next owner may have other rings.
  const std::uint64_t needed = ring::reply_credit(ask_options.reply_limit);
  if (credit + needed + ring::kWordBytes > back_capacity()) {
    return Error{Errc::too_large, "cannot ask owner '" + owner + "': an answer of " +
                                      std::to_string(ask_options.reply_limit) + " bytes, besides " +
                                      std::to_string(asked.size()) +
                                      " still expected, does not fit into a ring of " +
                                      std::to_string(back_capacity()) +
                                      "; lower reply_limit, or give the owner larger reply_bytes"};
  }
  const ring::AskPrefix prefix{ask_options.reply_limit, 0};
  std::memcpy(room, &prefix, sizeof prefix);
  if (!message.empty()) std::memcpy(room + sizeof prefix, message.data(), message.size());
  asked.push_back({sequence, needed});
  credit += needed;
  publish(length, tag, ring::flag::ask);
  return {};
}

/// Takes every reply that is there; true: `answer` is the one to `sequence`. The rest answer asks
/// that nobody waits for any longer.
bool Writer::Impl::take_reply(std::uint64_t wanted, Result<std::vector<std::byte>>& answer) {
  if (lost) return false;
  bool found = false;
  ring::Consumer::Record record;
  while (back.peek(record) == ring::Peek::record) {
    ring::ReplyPrefix prefix{};
    if (record.commit.length < sizeof prefix) break;
    std::memcpy(&prefix, record.payload, sizeof prefix);
    if (prefix.correlation == wanted) {
      found = true;
      if ((record.commit.flags & ring::flag::unanswered) != 0) {
        answer =
            Error{Errc::unanswered, "owner '" + owner + "' took the message and did not reply"};
      } else if ((record.commit.flags & ring::flag::too_large) != 0) {
        answer = Error{Errc::too_large,
                       "owner '" + owner + "' has an answer longer than reply_limit; raise it"};
      } else {
        answer_tag = record.commit.tag;
        answer = std::vector<std::byte>(record.payload + sizeof prefix,
                                        record.payload + record.commit.length);
      }
    }
    // Answers come in the order of the asks: one that is left out died with its owner.
    std::erase_if(asked, [&](const Asked& ask) {
      if (ask.sequence > prefix.correlation) return false;
      credit -= ask.credit;
      return true;
    });
    back.take(record);
    back.release(record.next);
    // SYNC release: pairs with the acquire load in Producer::refresh, on the owner's side.
    control->reply_released.store(record.next, std::memory_order_release);
  }
  return found;
}

Result<std::vector<std::byte>> Writer::Impl::ask(std::span<const std::byte> message,
                                                 std::uint16_t tag, clock::time_point deadline,
                                                 AskOptions ask_options) {
  Result<std::vector<std::byte>> answer = Error{Errc::unknown, {}};
  if (os::process_epoch() != epoch) return sending_error(SendStatus::forked, "ask");
  take_reply(~std::uint64_t{0}, answer);
  const std::uint64_t rejoined = stats.rejoins;
  if (auto put = put_ask(message, tag, deadline, ask_options); !put) return put.error();
  const std::uint64_t wanted = sequence - 1;
  constexpr int kSpins = 512;
  for (int i = 0; i < kSpins; ++i) {
    if (back.pending() && take_reply(wanted, answer)) return answer;
    os::cpu_pause();
  }
  ++stats.waits;
  bool in_time = true;
  while (in_time) {
    if (!lost) {
      if (++reply_ticket == 0) reply_ticket = 1;
#if defined(CORTADO_SEED_TICKET_AFTER_LOOK)
      if (take_reply(wanted, answer)) break;
      control->reply_wait.store(reply_ticket, std::memory_order_relaxed);
      in_time = sleep(deadline);
      continue;
#endif
      control->reply_wait.store(reply_ticket, std::memory_order_relaxed);
      // SYNC space: ticket, fence, look again; the owner: reply, fence, look for the ticket.
      std::atomic_thread_fence(std::memory_order_seq_cst);
      if (take_reply(wanted, answer)) break;
      in_time = sleep(deadline);
      // The last thing that an owner did may have been to answer.
      const bool gone = owner_gone();
      if (take_reply(wanted, answer)) break;
      if (gone) owner_lost();
      const SendStatus status = lost ? SendStatus::no_owner : check();
      if (status == SendStatus::quarantined || status == SendStatus::forked) {
        answer = sending_error(status, "ask");
        break;
      }
      // An evicted writer's messages are read to the end; the hang-up comes after the last answer.
      in_time = in_time && !(ended() && gone);
    } else {
      in_time = find_next_owner(deadline);
      if (poisoned) break;
    }
    if (!in_time) {
      answer = Error{Errc::unknown,
                     "owner '" + owner +
                         "' did not answer before the deadline; the message may or may not be " +
                         "applied" + (stats.rejoins != rejoined ? ", its first owner died" : "")};
    }
  }
  if (control != nullptr) control->reply_wait.store(0, std::memory_order_relaxed);
  return answer;
}

}  // namespace cortado
