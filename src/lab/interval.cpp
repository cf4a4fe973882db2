#include "lab/interval.hpp"

#include <boost/math/distributions/binomial.hpp>

namespace cortado::lab {
namespace {

using Binomial = boost::math::binomial_distribution<double>;

constexpr double kDoubt = 0.05;

double lower(std::uint64_t k, std::uint64_t n, double doubt) {
  if (k == 0 || n == 0) return 0;
  return Binomial::find_lower_bound_on_p(static_cast<double>(n), static_cast<double>(k), doubt);
}

double upper(std::uint64_t k, std::uint64_t n, double doubt) {
  if (k >= n) return 1;
  return Binomial::find_upper_bound_on_p(static_cast<double>(n), static_cast<double>(k), doubt);
}

}  // namespace

Interval interval_of(std::uint64_t k, std::uint64_t n) {
  return {lower(k, n, kDoubt / 2), upper(k, n, kDoubt / 2)};
}

double upper_bound_of(std::uint64_t k, std::uint64_t n) {
  return upper(k, n, kDoubt);
}

}  // namespace cortado::lab
