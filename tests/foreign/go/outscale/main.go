// Drives an emulated Outscale with its Go client: the calls and the order of terraform's resources outscale_image and
// outscale_image_launch_permission.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	osc "github.com/outscale/osc-sdk-go/v2"
)

func main() {
	config := osc.NewConfigEnv()
	options := must(config.Configuration())
	ctx := must(config.Context(context.Background()))
	api := osc.NewAPIClient(options)
	said := map[string]any{}

	create := osc.CreateImageRequest{VmId: osc.PtrString(os.Args[1]), ImageName: osc.PtrString("of-go")}
	created, _, err := api.ImageApi.CreateImage(ctx).CreateImageRequest(create).Execute()
	check(err)
	id := created.GetImage().ImageId
	find := func() []osc.Image {
		filters := osc.FiltersImage{ImageIds: &[]string{*id}}
		read, _, err := api.ImageApi.ReadImages(ctx).ReadImagesRequest(osc.ReadImagesRequest{Filters: &filters}).Execute()
		check(err)
		return read.GetImages()
	}
	for tries := 0; find()[0].GetState() != "available"; tries++ {
		if tries > 100 {
			check(fmt.Errorf("%s is not available", *id))
		}
		time.Sleep(20 * time.Millisecond)
	}
	tags := osc.CreateTagsRequest{ResourceIds: []string{*id}, Tags: []osc.ResourceTag{{Key: "os", Value: "debian"}}}
	_, _, err = api.TagApi.CreateTags(ctx).CreateTagsRequest(tags).Execute()
	check(err)
	added := osc.PermissionsOnResource{AccountIds: &[]string{"987654321098"}, GlobalPermission: osc.PtrBool(false)}
	update := osc.UpdateImageRequest{ImageId: *id, PermissionsToLaunch: &osc.PermissionsOnResourceCreation{Additions: &added}}
	_, _, err = api.ImageApi.UpdateImage(ctx).UpdateImageRequest(update).Execute()
	check(err)
	image := find()[0]
	said["tags"] = image.GetTags()
	said["accounts"] = image.PermissionsToLaunch.GetAccountIds()
	// The provider takes these without looking whether they are there.
	said["comment"] = image.StateComment != nil
	said["type"] = image.GetRootDeviceType()

	_, http, err := api.ImageApi.CreateImage(ctx).CreateImageRequest(create).Execute()
	said["taken"] = http.StatusCode
	_, http, err = api.ImageApi.CreateImage(ctx).CreateImageRequest(osc.CreateImageRequest{VmId: osc.PtrString(os.Args[1])}).Execute()
	said["missing"] = codeOf(err)

	_, _, err = api.ImageApi.DeleteImage(ctx).DeleteImageRequest(osc.DeleteImageRequest{ImageId: *id}).Execute()
	check(err)
	said["gone"] = len(find()) == 0
	check(json.NewEncoder(os.Stdout).Encode(said))
}

func codeOf(err error) string {
	if failed, ok := err.(osc.GenericOpenAPIError); ok {
		if answer, ok := failed.Model().(osc.ErrorResponse); ok {
			return answer.GetErrors()[0].GetCode()
		}
	}
	return fmt.Sprint(err)
}

func must[T any](value T, err error) T {
	check(err)
	return value
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
