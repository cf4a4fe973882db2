#include "lab/faults_json.hpp"

#include <algorithm>

namespace cortado::lab {
namespace {

Json cell_json(const FaultCell& cell) {
  Json json{{"mode", cell.mode->name}, {"fault", name_of(cell.fault).name}};
  json["theory"] = cell.theory ? Json(to_string(*cell.theory)) : Json(nullptr);
  json["outcome"] = cell.applies ? Json(to_string(cell.fate)) : Json(nullptr);
  if (!cell.applies) return json;
  json["as_theory"] = cell.is_as_theory();
  json["went_on_ns"] = cell.went_on ? Json(cell.went_on->count()) : Json(nullptr);
  json["refused"] = is_refused(cell.run);
  json["ledger"] = to_json(cell.run.ledger);
  json["host_signal"] = cell.run.host_signal;
  Json& signals = json["writer_signals"] = Json::array();
  for (const WriterResult& writer : cell.run.writers) signals.push_back(writer.signal);
  return json;
}

}  // namespace

Json to_json(const std::vector<FaultCell>& cells) {
  Json json{{"writers", kFaultWriters}, {"orders", kFaultWriters * kFaultOrders}};
  Json& faults = json["faults"] = Json::array();
  Json& all = json["cells"] = Json::array();
  for (const FaultCell& cell : cells) {
    const FaultName& name = name_of(cell.fault);
    const Json described{{"name", name.name}, {"says", name.says}};
    if (std::find(faults.begin(), faults.end(), described) == faults.end()) {
      faults.push_back(described);
    }
    all.push_back(cell_json(cell));
  }
  return json;
}

}  // namespace cortado::lab
