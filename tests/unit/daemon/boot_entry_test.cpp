#include "daemon/crashkernel/boot_entry.h"

#include <gtest/gtest.h>

#include "daemon/crashkernel/grub_config.h"
#include "daemon/crashkernel/loader_entry.h"
#include "tests/unit/daemon/fake_host.h"

namespace kdump {
namespace {

std::string set(std::string_view line) {
  return edit_parameters(line, {{"crashkernel", "256M"}});
}
std::string removed(std::string_view line) {
  return edit_parameters(line, {{"crashkernel", std::nullopt}});
}

TEST(BootEntry, a_parameter_is_set_and_the_rest_stays) {
  const std::vector<std::pair<const char*, const char*>> rows = {
      {"", "crashkernel=256M"},
      {"ro quiet", "ro quiet crashkernel=256M"},
      {"ro quiet ", "ro quiet crashkernel=256M "},
      {"ro  quiet\n", "ro  quiet crashkernel=256M\n"},
      {"crashkernel=auto ro", "crashkernel=256M ro"},
      {"ro crashkernel=auto  quiet", "ro crashkernel=256M  quiet"},
      {"ro crashkernel=1G,high quiet crashkernel=64M,low rhgb", "ro crashkernel=256M quiet rhgb"},
      {"ro crashkernel", "ro crashkernel=256M"},
      {"crashkernel=256M", "crashkernel=256M"},
      {"crashkernel_x=1 my.crashkernel=2", "crashkernel_x=1 my.crashkernel=2 crashkernel=256M"},
      {"dyndbg=\"file a.c crashkernel=1 +p\" ro",
       "dyndbg=\"file a.c crashkernel=1 +p\" ro crashkernel=256M"},
      {"$kernelopts $tuned_params", "$kernelopts $tuned_params crashkernel=256M"},
      {"dyndbg=\\\"a b\\\" crashkernel=1M", "dyndbg=\\\"a b\\\" crashkernel=256M"},
  };
  for (const auto& [before, after] : rows)
    EXPECT_EQ(set(before), after) << before;
}

TEST(BootEntry, a_parameter_is_removed_with_its_blank) {
  EXPECT_EQ(removed("ro crashkernel=1G quiet"), "ro quiet");
  EXPECT_EQ(removed("crashkernel=1G quiet"), "quiet");
  EXPECT_EQ(removed("crashkernel=1G crashkernel=1M"), "");
  EXPECT_EQ(removed("ro crashkernel=1G,high crashkernel=1M,low"), "ro");
  EXPECT_EQ(removed("ro"), "ro");
}

TEST(BootEntry, the_last_value_counts) {
  EXPECT_EQ(last_parameter("a=1 b a=2", "a"), "2");
  EXPECT_EQ(last_parameter("a=1 b a", "b"), "");
  EXPECT_EQ(last_parameter("aa=1", "a"), std::nullopt);
  EXPECT_TRUE(says("x crashkernel=1M crashkernel=256M", {"crashkernel", "256M"}));
  EXPECT_FALSE(says("x crashkernel=256M crashkernel=1M", {"crashkernel", "256M"}));
  EXPECT_TRUE(says("x", {"fadump", std::nullopt}));
}

TEST(BootEntry, releases_are_in_kernels_names) {
  EXPECT_EQ(release_of_kernel("/boot/vmlinuz-6.1.0-9-amd64"), "6.1.0-9-amd64");
  EXPECT_EQ(release_of_kernel("/efi/0123abcd/6.12.0/linux"), "6.12.0");
  EXPECT_EQ(release_of_kernel("/boot/image-6.4.0-default"), "6.4.0-default");
  EXPECT_EQ(release_of_kernel("/linux"), "");
  EXPECT_EQ(release_of_kernel("/boot/vmlinuz"), "");
}

// Every assignment of GRUB_CMDLINE_LINUX*, set to v.
std::string reassigned(std::string text) {
  auto found = find_assignments(text, {"GRUB_CMDLINE_LINUX", "GRUB_CMDLINE_LINUX_DEFAULT"});
  for (auto it = found.rbegin(); it != found.rend(); ++it)
    text = it->editable ? replace_value(text, *it, "v") : "line " + std::to_string(it->line);
  return text;
}

TEST(GrubDefaults, assignments_are_found_and_their_surroundings_stay) {
  const std::vector<std::pair<const char*, const char*>> rows = {
      {"GRUB_CMDLINE_LINUX=\"a b\"\n", "GRUB_CMDLINE_LINUX=\"v\"\n"},
      {"GRUB_CMDLINE_LINUX='a b' # why\n", "GRUB_CMDLINE_LINUX='v' # why\n"},
      {"GRUB_CMDLINE_LINUX=", "GRUB_CMDLINE_LINUX=\"v\""},
      {"GRUB_CMDLINE_LINUX=quiet;X=1", "GRUB_CMDLINE_LINUX=\"v\";X=1"},
      {"GRUB_CMDLINE_LINUX=\"\"", "GRUB_CMDLINE_LINUX=\"v\""},
      {"export GRUB_CMDLINE_LINUX=\"x\"\n", "export GRUB_CMDLINE_LINUX=\"v\"\n"},
      {"  GRUB_CMDLINE_LINUX+=\" x\"\n", "  GRUB_CMDLINE_LINUX+=\"v\"\n"},
      {"#GRUB_CMDLINE_LINUX=\"x\"\nA=1\n", "#GRUB_CMDLINE_LINUX=\"x\"\nA=1\n"},
      {"A='\nGRUB_CMDLINE_LINUX=x\n'\n", "A='\nGRUB_CMDLINE_LINUX=x\n'\n"},
      {"GRUB_CMDLINE_LINUX=\"a \\\"b c\\\" d\"\n", "GRUB_CMDLINE_LINUX=\"v\"\n"},
      {"GRUB_CMDLINE_LINUX=\"a\n b\"\nX=1\n", "GRUB_CMDLINE_LINUX=\"v\"\nX=1\n"},
      {"if true; then GRUB_CMDLINE_LINUX=\"a\"; fi\n",
       "if true; then GRUB_CMDLINE_LINUX=\"v\"; fi\n"},
      {"GRUB_CMDLINE_LINUX_XEN=\"a\"\n", "GRUB_CMDLINE_LINUX_XEN=\"a\"\n"},
      {"\n\nGRUB_CMDLINE_LINUX=\"a\"b\n", "line 3"},
      {"GRUB_CMDLINE_LINUX=$X\n", "line 1"},
      {"GRUB_CMDLINE_LINUX=\"$X y\"\n", "GRUB_CMDLINE_LINUX=\"v\"\n"},
      {"GRUB_CMDLINE_LINUX=\"open", "GRUB_CMDLINE_LINUX=\"v"},
      {"GRUB_CMDLINE_LINUX=\\", "line 1"},
  };
  for (const auto& [before, after] : rows)
    EXPECT_EQ(reassigned(before), after) << before;
}

TEST(GrubCfg, entries_have_grubs_numbers) {
  FakeHost fake;
  fake.write("/boot/vmlinuz-6.1", "");
  const auto entries = parse_grub_cfg(fake.host.paths,
                                      R"cfg(set default="0"
function gfxmode {
  set gfxpayload="${1}"
}
menuentry 'Debian GNU/Linux' --class debian $menuentry_id_option 'gnulinux-simple-1' {
	insmod ext2
	if [ x$grub_platform = xxen ]; then insmod xzio; fi
	echo	'Loading Linux ...'
	linux	/vmlinuz-6.1 root=UUID=1 ro  quiet crashkernel=1G "dyndbg=file a +p"
	initrd	/initrd.img-6.1
}
submenu 'Advanced options' $menuentry_id_option 'x' {
	menuentry 'Debian, with Linux 6.1' {
		linux	/boot/vmlinuz-6.1 root=UUID=1 ro quiet
	}
	menuentry 'Debian, with Linux 6.1 (recovery mode)' {
		linux	/boot/vmlinuz-6.1 root=UUID=1 ro single
	}
	if [ x = y ]; then
	submenu 'More' {
		menuentry "Old" {
			linuxefi ($root)/boot/vmlinuz-5.10 ro
		}
	}
	fi
	menuentry 'Older' {
		linux	/@/boot/vmlinuz-4.19 ro
	}
}
menuentry "Memory test (memtest86+x64.bin)" {
	linux	/boot/memtest86+x64.bin
}
menuentry 'UEFI Firmware Settings' {
	fwsetup
}
menuentry 'Last' {
	linux /boot/vmlinuz-last
}
)cfg",
                                      "/boot/grub/grub.cfg");
  std::string shown;
  for (const BootEntry& entry : entries)
    shown += entry.index + "|" + entry.title + "|" + entry.kernel + "|" + entry.release + "|" +
             entry.options + "|" + entry.where + "\n";
  EXPECT_EQ(shown,
            "0|Debian GNU/Linux|/boot/vmlinuz-6.1|6.1|root=UUID=1 ro  quiet crashkernel=1G "
            "\"dyndbg=file a +p\"|/boot/grub/grub.cfg:9\n"
            "1>0|Debian, with Linux 6.1|/boot/vmlinuz-6.1|6.1|root=UUID=1 ro "
            "quiet|/boot/grub/grub.cfg:14\n"
            "1>2>0|Old|/boot/vmlinuz-5.10|5.10|ro|/boot/grub/grub.cfg:22\n"
            "1>3|Older|/boot/vmlinuz-4.19|4.19|ro|/boot/grub/grub.cfg:27\n"
            "4|Last|/boot/vmlinuz-last|last||/boot/grub/grub.cfg:37\n");
}

TEST(LoaderEntry, options_are_edited_where_they_are) {
  const std::vector<ParameterEdit> edits = {{"crashkernel", "256M"}};
  EXPECT_EQ(edit_loader_entry("title x\noptions ro crashkernel=1M quiet\nlinux /l\n", edits),
            "title x\noptions ro crashkernel=256M quiet\nlinux /l\n");
  EXPECT_EQ(edit_loader_entry("options\tro\n# options no\noptions b\nlinux /l", edits),
            "options\tro\n# options no\noptions b crashkernel=256M\nlinux /l");
  EXPECT_EQ(edit_loader_entry("options a crashkernel=1M\noptions crashkernel=2M b\n", edits),
            "options a crashkernel=256M\noptions b\n");
  EXPECT_EQ(edit_loader_entry("linux /l", edits), "linux /l\noptions crashkernel=256M\n");
  EXPECT_EQ(edit_loader_entry("options a crashkernel=1M\n", {{"crashkernel", std::nullopt}}),
            "options a\n");
}

TEST(LoaderEntry, rhel_8s_variables_are_looked_up) {
  FakeHost fake;
  fake.write("/boot/vmlinuz-4.18", "");
  fake.write("/boot/grub2/grubenv",
             "# GRUB Environment Block\nkernelopts=root=/dev/vda1 crashkernel=auto \n####");
  fake.write("/boot/loader/entries/abc-4.18.conf",
             "title RHEL\nversion 4.18\nlinux /vmlinuz-4.18\noptions $kernelopts $tuned_params\n");
  const auto entries = read_loader_entries(fake.host.paths);
  ASSERT_TRUE(entries && entries->size() == 1);
  const BootEntry& entry = entries->front().entry;
  EXPECT_EQ(entry.kernel, "/boot/vmlinuz-4.18");
  EXPECT_EQ(entry.release, "4.18");
  EXPECT_EQ(entry.options, "root=/dev/vda1 crashkernel=auto  $tuned_params");
  EXPECT_EQ(entry.where, fake.root() + "/boot/loader/entries/abc-4.18.conf:4");
}

}  // namespace
}  // namespace kdump
