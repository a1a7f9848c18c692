// MESSAGE_ID of journal entries that tools and people's rules act upon: `journalctl MESSAGE_ID=…`.
// They never change their meaning; docs/status.md lists them.
#pragma once

namespace kdump::message_id {

// A capture image was loaded.
inline constexpr char kArmed[] = "620e4e96432dee49566d37de4dc94175";
// A capture image could not be built or loaded; KDUMP_REASON says why.
inline constexpr char kNotArmed[] = "9c6d557de633df14ddbc6f01369800c4";
// The capture image was unloaded because somebody asked for it.
inline constexpr char kDisarmed[] = "c04977c4a3a7a4da4685d3922f55c65f";
// A crash was saved; one entry for each new capture.
inline constexpr char kCaptureSaved[] = "50798bdd5b574c2672df9686061d6329";
// Retention removed a capture.
inline constexpr char kCaptureRemoved[] = "088449ffc62e6abcb16fb3d8de130806";
// A target was proved and would not take a dump.
inline constexpr char kTargetFailed[] = "89980b24a98cca908b202dcd7db39a6c";
// A target that would not take dumps does so again.
inline constexpr char kTargetWorks[] = "61a52bb4ccd9bc159a232856e0976af0";
// kdumpctl, run by kdumpd, was killed or hung.
inline constexpr char kTrouble[] = "2d13831977dff59e776501f66474e864";

}  // namespace kdump::message_id
