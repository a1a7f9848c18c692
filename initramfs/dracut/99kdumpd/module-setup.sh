#!/bin/bash
# dracut module of kdumpd: kdump-capture as a service of the image's systemd. Everything else in the image only assembles
# devices and network for it, and nothing else decides what happens to the machine.
#
# Only for images that kdumpctl builds: it says where its programs are, and brings the capture plan along.

check() {
    [[ $KDUMPD_CAPTURE ]] || return 255
    require_binaries "$KDUMPD_CAPTURE" || return 1
    return 0
}

depends() {
    echo "base systemd dracut-systemd udev-rules kernel-modules"
}

install() {
    local unit target
    inst_binary "$KDUMPD_CAPTURE" /usr/bin/kdump-capture
    ln -sf kdump-capture "$initdir/usr/bin/makedump"
    ln -sf kdump-capture "$initdir/usr/bin/makedumpfile"

    inst_simple "$moddir/kdump-capture.service" "$systemdsystemunitdir/kdump-capture.service"
    # Whichever of these is what systemd comes to, kdump-capture runs.
    for target in sysinit initrd; do
        mkdir -p "$initdir$systemdsystemunitdir/$target.target.wants"
        ln -sf ../kdump-capture.service "$initdir$systemdsystemunitdir/$target.target.wants/"
    done
    # NICs are found by their MAC, and named by kdump-capture.
    inst_simple "$moddir/no-names.link" /etc/systemd/network/00-kdumpd.link
    inst_simple "$moddir/system.conf" /etc/systemd/system.conf.d/90-kdumpd.conf

    # The lines of crypttab(5) that dracut has taken over are those of targets: open them by all means.
    [[ -s $initdir/etc/crypttab ]] && sed -i 's/\<noauto\>/luks/g' "$initdir/etc/crypttab"

    # There is no root file system to go to, and no shell to wait in for somebody with a keyboard.
    mkdir -p "$initdir/etc/systemd/system"
    for unit in initrd-switch-root.target initrd-switch-root.service initrd-cleanup.service initrd-parse-etc.service \
        initrd-udevadm-cleanup-db.service dracut-mount.service dracut-pre-mount.service dracut-pre-pivot.service \
        emergency.service dracut-emergency.service rescue.service systemd-ask-password-console.path \
        systemd-halt.service systemd-poweroff.service systemd-reboot.service systemd-kexec.service; do
        ln -sf /dev/null "$initdir/etc/systemd/system/$unit"
    done
    # dracut's own scripts halt the machine when they give up.
    inst_hook emergency 00 "$moddir/go-on.sh"
    inst_hook shutdown-emergency 00 "$moddir/go-on.sh"
}
