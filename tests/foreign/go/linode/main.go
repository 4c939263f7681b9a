// Drives an emulated Linode as terraform's provider does: linodego, the calls and the order of its resource linode_image, and share groups.
package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/linode/linodego"
)

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return value
}

func check(err error) { must(0, err) }

func main() {
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	client := must(linodego.NewClientFromEnv(nil))
	client.SetPollDelay(50 * time.Millisecond)
	client.SetRetryMaxWaitTime(200 * time.Millisecond)
	said := map[string]any{}

	// The provider looks at these when it is configured.
	said["types"] = len(must(client.ListTypes(ctx, nil)))
	said["profile"] = must(client.GetProfile(ctx)).Username

	var packed bytes.Buffer
	pack := gzip.NewWriter(&packed)
	must(pack.Write(bytes.Repeat([]byte("a disk\n"), 1000)))
	check(pack.Close())
	made, url, err := client.CreateImageUpload(ctx, linodego.ImageCreateUploadOptions{
		Region: "us-ord", Label: "of-linodego", Description: "words", CloudInit: true, Tags: &[]string{"foo", "bar"},
	})
	check(err)
	said["pending"] = made.Status
	said["capabilities"] = made.Capabilities
	check(client.UploadImageToURL(ctx, url, &packed))
	image := must(client.WaitForImageStatus(ctx, made.ID, linodego.ImageStatusAvailable, 30))
	said["tags"] = image.Tags

	image = must(client.UpdateImage(ctx, image.ID, linodego.ImageUpdateOptions{Label: "renamed"}))
	said["label"] = image.Label
	must(client.ReplicateImage(ctx, image.ID, linodego.ImageReplicateOptions{Regions: []string{"us-ord", "us-mia"}}))
	must(client.WaitForImageRegionStatus(ctx, image.ID, "us-mia", linodego.ImageRegionStatusAvailable))

	group := must(client.CreateImageShareGroup(ctx, linodego.ImageShareGroupCreateOptions{Label: "partners"}))
	label := "friends"
	group = must(client.UpdateImageShareGroup(ctx, group.ID, linodego.ImageShareGroupUpdateOptions{Label: &label}))
	said["group"] = group.Label
	shared := must(client.ImageShareGroupAddImages(ctx, group.ID, linodego.ImageShareGroupAddImagesOptions{
		Images: []linodego.ImageShareGroupImage{{ID: image.ID}},
	}))
	said["shared"] = len(shared)
	member := must(client.ImageShareGroupAddMember(ctx, group.ID, linodego.ImageShareGroupAddMemberOptions{Token: "t", Label: "them"}))
	member = must(client.ImageShareGroupUpdateMember(ctx, group.ID, member.TokenUUID, linodego.ImageShareGroupUpdateMemberOptions{Label: "us"}))
	said["member"] = member.Label
	said["members"] = len(must(client.ImageShareGroupListMembers(ctx, group.ID, nil)))
	check(client.ImageShareGroupRemoveMember(ctx, group.ID, member.TokenUUID))
	check(client.DeleteImageShareGroup(ctx, group.ID))

	_, err = client.UpdateImage(ctx, "private/1", linodego.ImageUpdateOptions{Label: "x"})
	said["missing"] = linodego.IsNotFound(err)
	_, _, err = client.CreateImageUpload(ctx, linodego.ImageCreateUploadOptions{Region: "us-nowhere", Label: "x"})
	said["refused"] = err.Error()

	check(client.DeleteImage(ctx, image.ID))
	_, err = client.GetImage(ctx, image.ID)
	said["gone"] = linodego.IsNotFound(err)
	check(json.NewEncoder(os.Stdout).Encode(said))
}
