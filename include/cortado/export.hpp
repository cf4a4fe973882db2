// CORTADO_API marks what the shared library exports; everything else is hidden. CORTADO_LOCAL hides
// what is declared inside an exported class: an exported function cannot be inlined, because
// another library may replace it.
#pragma once

#define CORTADO_API __attribute__((visibility("default")))
#define CORTADO_LOCAL __attribute__((visibility("hidden")))
