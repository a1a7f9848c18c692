"""A host whose root file system is a logical volume on a LUKS device, unlocked by a key file: made of a plain one by that host's own
tools, in a boot of its own, as an installer does it.

    disks = [host.disk(work, package, kernel, encrypted_host.MOVE + case, encrypted_host.PACKAGES), encrypted_host.empty_disk(work)]
    way = encrypted_host.install(kernel, disks, work, "host-luks")
    steps, console = host.boot(kernel, disks, work, "host-luks-1", way=way)
"""

from . import TestFailure, guest, host

PACKAGES = ["cryptsetup-bin", "dmsetup", "dracut", "lvm2"]
UUID = "6b64756d-7064-4000-8000-000000000004"
ROOT = "/dev/hostvg/root"

# Key slots are cheap here: the emulated CPU would take minutes for what a real one takes a second for.
MOVE = f"""
move() (
    set -e
    systemctl stop kdumpd
    mkdir -p -m 700 /etc/keys
    dd if=/dev/urandom of=/etc/keys/root bs=64 count=1
    chmod 400 /etc/keys/root
    cryptsetup -q luksFormat --type luks2 --uuid {UUID} --pbkdf pbkdf2 --pbkdf-force-iterations 1000 /dev/vdb /etc/keys/root
    cryptsetup open --key-file /etc/keys/root /dev/vdb cryptroot
    vgcreate -q hostvg /dev/mapper/cryptroot
    lvcreate -q -y -l 100%FREE -n root hostvg
    mkfs.ext4 -q {ROOT}
    mount {ROOT} /mnt
    cp -ax /. /mnt
    rm -rf /mnt/var/lib/kdump
    echo "{ROOT} / ext4 defaults 0 1" > /mnt/etc/fstab
    echo "cryptroot UUID={UUID} /etc/keys/root luks" > /mnt/etc/crypttab
    for name in dev proc sys run; do mount --rbind /$name /mnt/$name; done
    chroot /mnt dracut --force --hostonly --hostonly-cmdline --install /etc/keys/root /boot/initrd.img "$(uname -r)"
    cp /mnt/boot/initrd.img /boot
    sync
)
if [ ! -e /etc/crypttab ] || ! grep -q {UUID} /etc/crypttab; then
    step move move
    systemctl poweroff -f
    sleep 600
fi
"""


def empty_disk(work):
    disk = work / "encrypted"
    with open(disk, "wb") as file:
        file.truncate(3 << 30)
    return disk


def install(kernel, disks, work, title):
    """Moves the host onto the second disk. How it boots from then on, for host.boot."""
    steps, _ = host.boot(kernel, disks, work, f"{title}-0")
    if steps.exit.get("move") != 0:
        raise TestFailure(f"the host cannot be moved onto LVM on LUKS:\n{steps.text('move')}")
    image = guest.Ext4(disks[0]).fetch("/boot/initrd.img", work / "encrypted.img")
    return host.Way(image, f"root={ROOT} rd.luks.uuid={UUID}", crashkernel="256M", mib=1280)
