// What a capture image was made of, so that it can be told later whether it is still the right one,
// and whether it is whole.
//
// The record is the front of the image file: an uncompressed archive with one file, as the kernel
// takes several archives in a row. In one file they are published at once and linked at once, and
// can never belong to different builds, whenever the builder is killed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "makedump/base/bytes.h"
#include "makedump/base/fd.h"
#include "makedump/base/result.h"

namespace kdump {

struct RecordedFile {
  std::string kind;        // "program", "library", "module" or "file"
  std::string source;      // on the host
  std::string image_path;  // in the image
  std::string options;     // of a module
  unsigned mode = 0;
  std::string digest;  // of the source's content
  bool operator==(const RecordedFile&) const = default;
};

struct ImageRecord {
  std::string builder;  // version of the program that made it
  std::string kernel_release;
  std::string packing;              // "zstd" or "none"
  std::string plan;                 // text of the capture plan
  std::vector<RecordedFile> files;  // modules in the order in which they are loaded
};

// The image file: record, then `archive`.
Result<std::vector<std::byte>> with_record(const ImageRecord& record, Bytes archive);

// As it comes back from an image: what JSON cannot carry (bytes that are no UTF-8) is replaced.
ImageRecord as_recorded(const ImageRecord& record);

struct VerifiedImage {
  std::string digest;  // of the whole file
  uint64_t bytes = 0;
  // Nothing: this image was not made by kdumpd, and nobody can say whether it is whole.
  std::optional<ImageRecord> record;
  uint64_t archive_offset = 0;  // where the record ends
};

// Reads the whole image. Errc::bad_input if it has a record and does not agree with it.
Result<VerifiedImage> verify_image(Bytes image, const std::string& name);
Result<VerifiedImage> verify_image(const Fd& fd, const std::string& name);
Result<VerifiedImage> verify_image(const std::string& path);

}  // namespace kdump
