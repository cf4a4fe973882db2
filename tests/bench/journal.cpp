// Messages journalled per second: N writer processes to one owner whose journal is on the disk that
// --directory names. And how long one lone message takes, from its send to "it is durable".
//
//   journal [--writers 1,2,4] [--bytes 16] [--seconds 2] [--repeat 3] [--directory /tmp]
//
// Median, lowest and highest of the repetitions, both durabilities, interleaved. The clock runs
// over whole drains: taken, committed, released. The file is new for each run, and what stands in
// it afterwards is compared with what was counted.
#include <cortado/journal.hpp>
#include <cortado/owner.hpp>
#include <cortado/writer.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include <sys/wait.h>

#include <spawn.h>
#include <unistd.h>

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using cortado::Durability;

[[noreturn]] void fail(const std::string& text) {
  std::fprintf(stderr, "journal: %s\n", text.c_str());
  std::exit(1);
}

template <class T>
T got(cortado::Result<T> result) {
  if (!result) fail(result.error().text);
  return std::move(*result);
}

/// Sends without end, or one at a time, each when the last is durable.
int write_messages(const char* name, std::uint64_t bytes, bool one_by_one) {
  auto writer = got(cortado::Writer::join(name));
  const std::vector<std::byte> message(bytes, std::byte{'x'});
  for (;;) {
    const auto status =
        writer.send(std::span<const std::byte>(message), cortado::Writer::time_point::max());
    if (status == cortado::SendStatus::closing) break;
    if (status != cortado::SendStatus::sent) return 1;
    if (one_by_one && !writer.wait_applied(60s)) break;
  }
  return writer.close(60s) == 0 ? 0 : 1;
}

struct Load {
  std::uint32_t writers;
  std::uint64_t bytes;
  bool one_by_one;
};

struct Run {
  double per_second = 0;
  double per_commit = 0;
};

Run run_once(const Load& load, Durability durability, const std::string& directory,
             std::chrono::duration<double> length) {
  const std::string folder = directory + "/cortado-bench-" + std::to_string(::getpid());
  std::filesystem::create_directories(folder);
  const std::string name = "journal-" + std::to_string(::getpid());
  Run run;
  std::uint64_t handled = 0;
  {
    cortado::JournalOptions options;
    options.durability = durability;
    auto journal = got(cortado::Journal::open(folder + "/bench.db", options));
    cortado::OwnerOptions owner_options;
    owner_options.manual_release = true;
    auto owner = got(cortado::Owner::open(name, owner_options));
    std::vector<pid_t> pids(load.writers);
    const std::string size = std::to_string(load.bytes);
    for (pid_t& pid : pids) {
      const char* arguments[] = {
          "journal", "--as-writer", name.c_str(), size.c_str(), load.one_by_one ? "one" : "many",
          nullptr};
      if (::posix_spawn(&pid, "/proc/self/exe", nullptr, nullptr,
                        const_cast<char* const*>(arguments), environ) != 0) {
        fail("cannot start a writer");
      }
    }
    const auto turn = [&] {
      const std::size_t done =
          got(journal.drain(owner, [&](const cortado::Message&) { ++handled; }));
      if (done == 0) owner.wait(1s);
      return done;
    };
    while (owner.writers() < load.writers || handled == 0) turn();
    const auto start = Clock::now();
    auto now = start;
    std::uint64_t done = 0;
    std::uint64_t commits = 0;
    while (now - start < length) {
      const std::size_t more = turn();
      done += more;
      commits += more != 0 ? 1U : 0U;
      now = Clock::now();
    }
    run.per_second = static_cast<double>(done) / std::chrono::duration<double>(now - start).count();
    run.per_commit =
        static_cast<double>(done) / static_cast<double>(std::max<std::uint64_t>(1, commits));
    owner.close();
    while (owner.writers() != 0) turn();
    for (const pid_t pid : pids) {
      int status = 0;
      ::waitpid(pid, &status, 0);
      if (status != 0) fail("a writer failed");
    }
    const auto stored = got(journal.replay([](const cortado::Message&) {}));
    if (stored != handled) {
      fail(std::to_string(handled) + " handled, " + std::to_string(stored) + " in the journal");
    }
  }
  std::filesystem::remove_all(folder);
  return run;
}

std::vector<std::uint32_t> numbers(const char* text) {
  std::vector<std::uint32_t> all;
  for (char* at = const_cast<char*>(text); *at != '\0'; at += *at == ',' ? 1 : 0) {
    all.push_back(static_cast<std::uint32_t>(std::strtoul(at, &at, 10)));
  }
  return all;
}

const char* survives(Durability durability) {
  return durability == Durability::power_loss ? "power loss   " : "process death";
}

void show(const Load& load, Durability durability, std::vector<Run>& runs) {
  std::sort(runs.begin(), runs.end(),
            [](const Run& a, const Run& b) { return a.per_second < b.per_second; });
  const Run& median = runs[runs.size() / 2];
  if (load.one_by_one) {
    std::printf("survives %s  one message at a time: %.0f us until it is durable (%.0f to %.0f)\n",
                survives(durability), 1e6 / median.per_second, 1e6 / runs.back().per_second,
                1e6 / runs.front().per_second);
    return;
  }
  std::printf("survives %s  %u writers, %llu bytes: %.0f k/s (%.0f to %.0f), %.0f a commit\n",
              survives(durability), load.writers, static_cast<unsigned long long>(load.bytes),
              median.per_second / 1e3, runs.front().per_second / 1e3, runs.back().per_second / 1e3,
              median.per_commit);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 5 && std::strcmp(argv[1], "--as-writer") == 0) {
    return write_messages(argv[2], std::strtoull(argv[3], nullptr, 10),
                          std::strcmp(argv[4], "one") == 0);
  }
  std::vector<std::uint32_t> writers{1, 2, 4};
  std::uint64_t bytes = 16;
  double seconds = 2;
  int repeat = 3;
  std::string directory = "/tmp";
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string option = argv[i];
    if (option == "--writers") writers = numbers(argv[i + 1]);
    if (option == "--bytes") bytes = std::strtoull(argv[i + 1], nullptr, 10);
    if (option == "--seconds") seconds = std::strtod(argv[i + 1], nullptr);
    if (option == "--repeat") repeat = std::max(1, std::atoi(argv[i + 1]));
    if (option == "--directory") directory = argv[i + 1];
  }
  std::vector<Load> loads{{1, bytes, true}};
  for (const std::uint32_t each : writers) loads.push_back({each, bytes, false});
  const std::vector<Durability> both{Durability::process_death, Durability::power_loss};
  std::vector<std::vector<Run>> runs(loads.size() * both.size());
  for (int i = 0; i < repeat; ++i) {
    for (std::size_t at = 0; at < runs.size(); ++at) {
      runs[at].push_back(
          run_once(loads[at / 2], both[at % 2], directory, std::chrono::duration<double>(seconds)));
    }
  }
  for (std::size_t at = 0; at < runs.size(); ++at) show(loads[at / 2], both[at % 2], runs[at]);
  return 0;
}
