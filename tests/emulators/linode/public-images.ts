import type { Image } from "./wire.ts";

/** Public images as recorded in 2026: id, label, size in MB, vendor, and the letters of their features. */
const rows = `
  almalinux8      AlmaLinux 8         4000  AlmaLinux  cd
  almalinux9      AlmaLinux 9         2500  AlmaLinux  cd
  alpine3.20      Alpine 3.20         400   Alpine     c
  alpine3.21      Alpine 3.21         500   Alpine     c
  alpine3.22      Alpine 3.22         500   Alpine     c
  arch            Arch Linux          2500  Arch       c
  centos-stream9  CentOS Stream 9     2400  CentOS     cd
  debian11        Debian 11           1500  Debian     cd
  debian12        Debian 12           1800  Debian     cd
  debian13        Debian 13           1800  Debian     cd
  fedora41        Fedora 41           2000  Fedora     c
  fedora42        Fedora 42           3000  Fedora     c
  gentoo          Gentoo              7000  Gentoo     c
  kali            Kali Linux          1536  Kali       c
  opensuse15.6    openSUSE Leap 15.6  1200  openSUSE   c
  rocky8          Rocky Linux 8       4000  Rocky      cd
  rocky9          Rocky Linux 9       2500  Rocky      cd
  slackware15.0   Slackware 15.0      11600  Slackware  -
  ubuntu22.04     Ubuntu 22.04 LTS    3500  Ubuntu     cd
  ubuntu24.04     Ubuntu 24.04 LTS    3500  Ubuntu     cd
  ubuntu25.04     Ubuntu 25.04        3500  Ubuntu     c
  alpine3.18      Alpine 3.18         400   Alpine     x
  centos7         CentOS 7            2800  CentOS     dx
  ubuntu20.04     Ubuntu 20.04 LTS    3500  Ubuntu     cdx`;

/** The public images; they have no `total_size`, and their `regions` and `image_sharing` are null. */
export const publicImages: readonly Image[] = rows
  .trim()
  .split("\n")
  .map((row) => {
    const [name = "", label = "", size = "", vendor = "", letters = ""] = row.trim().split(/\s{2,}/);
    const capabilities: string[] = [];
    if (letters.includes("c")) capabilities.push("cloud-init");
    if (letters.includes("d")) capabilities.push("distributed-sites");
    return {
      id: `linode/${name}`,
      label,
      description: "",
      created: "2025-01-02T03:04:05",
      updated: "2025-01-02T03:04:05",
      size: Number(size),
      created_by: "linode",
      type: "manual",
      tags: [],
      is_public: true,
      is_shared: false,
      deprecated: letters.includes("x"),
      vendor,
      expiry: null,
      eol: name === "arch" || name === "gentoo" || name === "kali" ? null : "2030-01-02T03:04:05",
      status: "available",
      capabilities,
      regions: null,
      image_sharing: null,
    };
  });
