#include "makedump/kernel/notes.h"

#include <gmock/gmock.h>

namespace kdump {
namespace {

using testing::HasSubstr;

class NoteArea {
 public:
  explicit NoteArea(ByteOrder order = ByteOrder::little) : order_(order) {}

  NoteArea& add(std::string_view name, uint32_t type, std::string_view desc) {
    word(static_cast<uint32_t>(name.size() + 1));
    word(static_cast<uint32_t>(desc.size()));
    word(type);
    text(std::string(name) + '\0');
    text(desc);
    return *this;
  }
  NoteArea& word(uint32_t value) {
    bytes.resize(bytes.size() + 4);
    store(bytes.data() + bytes.size() - 4, value, order_);
    return *this;
  }
  NoteArea& zeros(size_t count) {
    bytes.resize(bytes.size() + count);
    return *this;
  }

  std::vector<std::byte> bytes;

 private:
  void text(std::string_view s) {
    const Bytes b = as_bytes(s);
    bytes.insert(bytes.end(), b.begin(), b.end());
    bytes.resize(align_up(bytes.size(), 4));
  }
  ByteOrder order_;
};

// A source that is nothing but notes.
class NotesOnly final : public Source {
 public:
  explicit NotesOnly(std::vector<std::byte> notes) : notes_(std::move(notes)) {}
  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] uint16_t machine() const override { return 62; }
  [[nodiscard]] ByteOrder byte_order() const override { return ByteOrder::little; }
  [[nodiscard]] const std::vector<Segment>& segments() const override { return segments_; }
  [[nodiscard]] const std::vector<PhysRange>& ram() const override { return ram_; }
  [[nodiscard]] Bytes notes() const override { return notes_; }
  [[nodiscard]] FileOffset notes_offset() const override { return FileOffset(0x1000); }
  [[nodiscard]] Result<std::unique_ptr<PageReader>> make_reader(size_t) const override {
    return Error(Errc::internal, "no memory here");
  }

 private:
  std::string name_ = "/x/vmcore";
  std::vector<std::byte> notes_;
  std::vector<Segment> segments_;
  std::vector<PhysRange> ram_;
};

TEST(Notes, AreListedWithTheirPlaces) {
  for (const ByteOrder order : {ByteOrder::little, ByteOrder::big}) {
    NoteArea area(order);
    area.add("CORE", 1, "registers").add("CORE", 1, "").add("CORE", 2, "else").zeros(100);
    const auto notes = read_notes(area.bytes, order);
    ASSERT_EQ(notes.size(), 3U);
    EXPECT_EQ(notes[0].name, "CORE");
    EXPECT_EQ(notes[0].type, 1U);
    EXPECT_EQ(as_text(notes[0].desc), "registers");
    EXPECT_EQ(notes[0].desc_offset, 20U);
    EXPECT_TRUE(notes[1].desc.empty());
    EXPECT_EQ(notes[2].desc_offset, 20U + 12 + 20 + 20);
    EXPECT_EQ(count_cpus(notes), 2U);
  }
}

TEST(Notes, TheLastMayLackItsPadding) {
  NoteArea area;
  area.add("CORE", 1, "abcde");
  area.bytes.resize(area.bytes.size() - 3);
  EXPECT_EQ(read_notes(area.bytes, ByteOrder::little).size(), 1U);
}

TEST(Notes, ADamagedSizeEndsTheList) {
  for (const uint32_t size : {0x100U, 0x7fffffffU, 0xfffffffdU, 0xffffffffU}) {
    NoteArea desc_too_long;
    desc_too_long.add("CORE", 1, "abc").word(5).word(size).word(1).zeros(20);
    EXPECT_EQ(read_notes(desc_too_long.bytes, ByteOrder::little).size(), 1U);
    NoteArea name_too_long;
    name_too_long.add("CORE", 1, "abc").word(size).word(4).word(1).zeros(20);
    EXPECT_EQ(read_notes(name_too_long.bytes, ByteOrder::little).size(), 1U);
  }
  EXPECT_TRUE(read_notes({}, ByteOrder::little).empty());
  NoteArea stub;
  stub.word(4).word(4);
  EXPECT_TRUE(read_notes(stub.bytes, ByteOrder::little).empty());
}

TEST(Notes, AreBoundedInNumber) {
  NoteArea area;
  for (int i = 0; i < 70000; ++i)
    area.add("", 0, "");
  EXPECT_EQ(read_notes(area.bytes, ByteOrder::little).size(), 65536U);
}

TEST(Notes, VmcoreinfoIsFoundByItsWholeName) {
  NoteArea area;
  area.add("CORE", 1, "registers")
      .add("VMCOREINFO_XEN", 0, "OSRELEASE=xen\nPAGESIZE=4096\n")
      .add("VMCOREINFO", 0, "OSRELEASE=6.1\nPAGESIZE=4096\n");
  const auto info = find_vmcoreinfo(NotesOnly(area.bytes));
  ASSERT_TRUE(info) << info.error().message();
  EXPECT_EQ(info->osrelease(), "6.1");
  EXPECT_EQ(info->text(), "OSRELEASE=6.1\nPAGESIZE=4096\n");
}

TEST(Notes, SaysWhereVmcoreinfoIsMissingOrBad) {
  EXPECT_EQ(find_vmcoreinfo(NotesOnly(NoteArea().add("CORE", 1, "x").bytes)).error().message(),
            "/x/vmcore: no VMCOREINFO among the 1 notes at 0x1000");
  EXPECT_EQ(find_vmcoreinfo(NotesOnly(NoteArea().add("VMCOREINFO", 0, "rubbish").bytes))
                .error()
                .message(),
            "/x/vmcore: VMCOREINFO at 0x1018: no OSRELEASE");
}

}  // namespace
}  // namespace kdump
