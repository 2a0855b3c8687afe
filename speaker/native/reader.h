/* One reader on the event loop for each descriptor: what comes is read into memory that JavaScript owns, and told. */
#ifndef HERALDLB_READER_H
#define HERALDLB_READER_H

#include <node_api.h>
#include <stdbool.h>

/* Exports startReader and stopReader. */
bool export_reader(napi_env env, napi_value exports);

#endif
