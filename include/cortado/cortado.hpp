// cortado: one owner, many writers, over shared-memory rings. Includes every public header.
#pragma once

#include <cortado/event.hpp>
#include <cortado/export.hpp>
#include <cortado/group.hpp>
#include <cortado/message.hpp>
#include <cortado/options.hpp>
#include <cortado/owner.hpp>
#include <cortado/result.hpp>
#include <cortado/schema.hpp>
#include <cortado/typed.hpp>
#include <cortado/writer.hpp>
#include <cortado/writer_id.hpp>
