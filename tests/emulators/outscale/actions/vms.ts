import { action, type Call } from "../action.ts";
import { dates, type Filter, type Filters, ids, select, tagFilters, values } from "../filters.ts";
import { patch, usableImage } from "../lookup.ts";
import type { Vm, VmState } from "../model.ts";
import { type PageRequest, page } from "../paging.ts";
import { refusals } from "../refusal.ts";
import type { World } from "../world.ts";

const stateCodes: Readonly<Record<VmState, number>> = {
  quarantine: -1,
  pending: 0,
  running: 16,
  "shutting-down": 32,
  terminated: 48,
  stopping: 64,
  stopped: 80,
};

/** The emulated VMs are in no Net and have no network cards, so these fit none of them. */
const none: Filter<Vm> = values(() => undefined);
const network: Filters<Vm> = {
  NetIds: none,
  NicAccountIds: none,
  NicDescriptions: none,
  NicIsSourceDestChecked: none,
  NicLinkNicDeleteOnVmDeletion: none,
  NicLinkNicDeviceNumbers: none,
  NicLinkNicLinkNicDates: none,
  NicLinkNicLinkNicIds: none,
  NicLinkNicStates: none,
  NicLinkNicVmAccountIds: none,
  NicLinkNicVmIds: none,
  NicLinkPublicIpAccountIds: none,
  NicLinkPublicIpLinkPublicIpIds: none,
  NicLinkPublicIpPublicIpIds: none,
  NicLinkPublicIpPublicIps: none,
  NicMacAddresses: none,
  NicNetIds: none,
  NicNicIds: none,
  NicPrivateIpsLinkPublicIpAccountIds: none,
  NicPrivateIpsLinkPublicIpIds: none,
  NicPrivateIpsPrimaryIp: none,
  NicPrivateIpsPrivateIps: none,
  NicSecurityGroupIds: none,
  NicSecurityGroupNames: none,
  NicStates: none,
  NicSubnetIds: none,
  NicSubregionNames: none,
  PublicIps: none,
  SubnetIds: none,
};

export const vmFilters: Filters<Vm> = {
  ...tagFilters,
  ...network,
  Architectures: values((vm) => vm.Architecture),
  BlockDeviceMappingDeleteOnVmDeletion: values((vm) => vm.BlockDeviceMappings.map((one) => one.Bsu.DeleteOnVmDeletion)),
  BlockDeviceMappingDeviceNames: values((vm) => vm.BlockDeviceMappings.map((one) => one.DeviceName)),
  BlockDeviceMappingLinkDates: dates((vm) => vm.BlockDeviceMappings.map((one) => one.Bsu.LinkDate)),
  BlockDeviceMappingStates: values((vm) => vm.BlockDeviceMappings.map((one) => one.Bsu.State)),
  BlockDeviceMappingVolumeIds: ids("volume", (vm) => vm.BlockDeviceMappings.map((one) => one.Bsu.VolumeId)),
  BootModes: values((vm) => vm.BootMode),
  ClientTokens: values((vm) => vm.ClientToken),
  CreationDates: dates((vm) => [vm.CreationDate]),
  ImageIds: ids("image", (vm) => vm.ImageId),
  IsSourceDestChecked: values((vm) => vm.IsSourceDestChecked),
  KeypairNames: values((vm) => vm.KeypairName),
  LaunchNumbers: values((vm) => vm.LaunchNumber),
  Lifecycles: none,
  Platforms: none,
  PrivateIps: values((vm) => vm.PrivateIp),
  ProductCodes: values((vm) => vm.ProductCodes),
  ReservationIds: values((vm) => vm.ReservationId),
  RootDeviceNames: values((vm) => vm.RootDeviceName),
  RootDeviceTypes: values((vm) => vm.RootDeviceType),
  SecurityGroupIds: values((vm) => vm.SecurityGroups.map((group) => group.SecurityGroupId)),
  SecurityGroupNames: values((vm) => vm.SecurityGroups.map((group) => group.SecurityGroupName)),
  StateReasonCodes: none,
  StateReasonMessages: values((vm) => vm.StateReason),
  StateReasons: values((vm) => vm.StateReason),
  SubregionNames: values((vm) => vm.Placement.SubregionName),
  Tenancies: values((vm) => vm.Placement.Tenancy),
  TpmEnabled: values((vm) => vm.TpmEnabled),
  VmIds: ids("vm", (vm) => vm.VmId),
  VmSecurityGroupIds: values((vm) => vm.SecurityGroups.map((group) => group.SecurityGroupId)),
  VmSecurityGroupNames: values((vm) => vm.SecurityGroups.map((group) => group.SecurityGroupName)),
  VmStateCodes: values((vm) => stateCodes[vm.State]),
  VmStateNames: values((vm) => vm.State),
  VmTypes: values((vm) => vm.VmType),
};

const own = ({ world, account }: Call): readonly Vm[] =>
  [...world.vms.values()].filter((kept) => kept.owner === account.id).map((kept) => kept.view);

const readVms = action<PageRequest & { readonly Filters?: object }>("ReadVms", (call, body) => {
  for (const { VmId } of select(own(call), body.Filters, vmFilters)) call.world.progress.look(VmId);
  const { items, token } = page(select(own(call), body.Filters, vmFilters), body, call.world.settings.pageSize);
  return { Vms: items, ...token };
});

export const vmStateFilters: Filters<Vm> = {
  MaintenanceEventCodes: none,
  MaintenanceEventDescriptions: none,
  MaintenanceEventsNotAfter: none,
  MaintenanceEventsNotBefore: none,
  SubregionNames: values((vm) => vm.Placement.SubregionName),
  VmIds: ids("vm", (vm) => vm.VmId),
  VmStates: values((vm) => vm.State),
};

interface ReadStates extends PageRequest {
  readonly AllVms?: boolean;
  readonly Filters?: object;
}

const readVmsState = action<ReadStates>("ReadVmsState", (call, body) => {
  const wanted = select(own(call), body.Filters, vmStateFilters).filter(
    (vm) => body.AllVms === true || vm.State === "running",
  );
  const { items, token } = page(wanted, body, call.world.settings.pageSize);
  const VmStates = items.map(({ VmId, State, Placement }) => {
    return { MaintenanceEvents: [], SubregionName: Placement.SubregionName, VmId, VmState: State };
  });
  return { VmStates, ...token };
});

interface CreateVms {
  readonly ImageId: string;
  readonly MaxVmsCount?: number;
  readonly VmType?: string;
}

/** Launches an image: the VM is pending for its time, then running. It gets no volumes of its own. */
const createVms = action<CreateVms>("CreateVms", ({ world, account }, body) => {
  const image = usableImage(world, body.ImageId, account);
  if (image.State !== "available") throw refusals.notSettled("InvalidImageState", image.ImageId, image.State);
  const Vms = Array.from({ length: body.MaxVmsCount ?? 1 }, (_, number) => ({
    ...blankVm(world, world.id("vm"), image.ImageId),
    Architecture: image.Architecture,
    LaunchNumber: number,
    ProductCodes: image.ProductCodes,
    ...(body.VmType === undefined ? {} : { VmType: body.VmType }),
  }));
  for (const view of Vms) {
    world.vms.set(view.VmId, { owner: account.id, view });
    world.progress.begin(view.VmId, world.settings.pace, () => patch(world.vms, view.VmId, { State: "running" }));
  }
  return { Vms };
});

/** A pending VM without volumes. */
export function blankVm(world: World, VmId: string, ImageId: string): Vm {
  return {
    Architecture: "x86_64",
    BlockDeviceMappings: [],
    BootMode: "legacy",
    BsuOptimized: false,
    CreationDate: world.date(),
    DeletionProtection: false,
    Hypervisor: "xen",
    ImageId,
    IsSourceDestChecked: true,
    LaunchNumber: 0,
    NestedVirtualization: false,
    Performance: "high",
    Placement: { SubregionName: `${world.settings.region}a`, Tenancy: "default" },
    PrivateIp: "10.0.0.4",
    ProductCodes: ["0001"],
    ReservationId: `r-${world.hex()}`,
    RootDeviceName: "/dev/sda1",
    RootDeviceType: "ebs",
    SecurityGroups: [{ SecurityGroupId: "sg-12345678", SecurityGroupName: "default" }],
    State: "pending",
    StateReason: "",
    Tags: [],
    TpmEnabled: false,
    UserData: "",
    VmId,
    VmInitiatedShutdownBehavior: "stop",
    VmType: "tinav5.c1r1p2",
  };
}

export const vmActions = { ...readVms, ...readVmsState, ...createVms };
