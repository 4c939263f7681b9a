module foreign

go 1.26.0

require (
	github.com/linode/linodego v1.69.1
	github.com/outscale/osc-sdk-go/v2 v2.36.0
)

require (
	github.com/aws/aws-sdk-go v1.55.8 // indirect
	github.com/go-resty/resty/v2 v2.17.2 // indirect
	github.com/google/go-querystring v1.2.0 // indirect
	github.com/jmespath/go-jmespath v0.4.0 // indirect
	golang.org/x/net v0.54.0 // indirect
	golang.org/x/oauth2 v0.37.0 // indirect
	golang.org/x/text v0.37.0 // indirect
	gopkg.in/ini.v1 v1.67.2 // indirect
)
