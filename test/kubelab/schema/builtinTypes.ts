/** Fields of the built-in kinds as `name:type`, `!` = required. Written by generate.mjs. */
export const builtinTypes: Readonly<Record<string, string>> = {
  AdmissionregistrationV1ServiceReference: 'name!:string namespace!:string path:string port:int',
  AdmissionregistrationV1WebhookClientConfig: 'caBundle:bytes service:AdmissionregistrationV1ServiceReference url:string',
  ApiextensionsV1ServiceReference: 'name!:string namespace!:string path:string port:int',
  ApiextensionsV1WebhookClientConfig: 'caBundle:bytes service:ApiextensionsV1ServiceReference url:string',
  AuthenticationV1TokenRequest:
    'apiVersion:string kind:string metadata:V1ObjectMeta@1 spec:V1TokenRequestSpec@2 status:V1TokenRequestStatus@3',
  CoreV1EndpointPort: 'appProtocol:string@4 name:string@1 port!:int@2 protocol:string@3',
  CoreV1Event:
    'action:string@12 apiVersion:string count:int@8 eventTime:microtime@10 firstTimestamp:time@6 involvedObject!:V1ObjectReference@2 kind:string lastTimestamp:time@7 message:string@4 metadata!:V1ObjectMeta@1 reason:string@3 related:V1ObjectReference@13 reportingComponent:string@14 reportingInstance:string@15 series:CoreV1EventSeries@11 source:V1EventSource@5 type:string@9',
  CoreV1EventSeries: 'count:int@1 lastObservedTime:microtime@2',
  CoreV1ResourceClaim: 'name!:string request:string',
  DiscoveryV1EndpointPort: 'appProtocol:string@4 name:string@1 port:int@3 protocol:string@2',
  EventsV1Event:
    'action:string@6 apiVersion:string deprecatedCount:int@15 deprecatedFirstTimestamp:time@13 deprecatedLastTimestamp:time@14 deprecatedSource:V1EventSource@12 eventTime!:microtime@2 kind:string metadata:V1ObjectMeta@1 note:string@10 reason:string@7 regarding:V1ObjectReference@8 related:V1ObjectReference@9 reportingController:string@4 reportingInstance:string@5 series:EventsV1EventSeries@3 type:string@11',
  EventsV1EventSeries: 'count!:int@1 lastObservedTime!:microtime@2',
  RbacV1Subject: 'apiGroup:string@2 kind!:string@1 name!:string@3 namespace:string@4',
  V1AWSElasticBlockStoreVolumeSource: 'fsType:string@2 partition:int@3 readOnly:bool@4 volumeID!:string@1',
  V1Affinity: 'nodeAffinity:V1NodeAffinity@1 podAffinity:V1PodAffinity@2 podAntiAffinity:V1PodAntiAffinity@3',
  V1AggregationRule: 'clusterRoleSelectors:[]V1LabelSelector@1',
  V1AppArmorProfile: 'localhostProfile:string@2 type!:string@1',
  V1AttachedVolume: 'devicePath!:string@2 name!:string@1',
  V1AzureDiskVolumeSource: 'cachingMode:string@3 diskName!:string@1 diskURI!:string@2 fsType:string@4 kind:string@6 readOnly:bool@5',
  V1AzureFileVolumeSource: 'readOnly:bool@3 secretName!:string@1 shareName!:string@2',
  V1BoundObjectReference: 'apiVersion:string@2 kind:string@1 name:string@3 uid:string',
  V1CSIVolumeSource:
    'driver!:string@1 fsType:string@3 nodePublishSecretRef:V1LocalObjectReference@5 readOnly:bool@2 volumeAttributes:{}string@4',
  V1Capabilities: 'add:[]string@1 drop:[]string@2',
  V1CephFSVolumeSource:
    'monitors!:[]string@1 path:string@2 readOnly:bool@6 secretFile:string@4 secretRef:V1LocalObjectReference@5 user:string@3',
  V1CinderVolumeSource: 'fsType:string@2 readOnly:bool@3 secretRef:V1LocalObjectReference@4 volumeID!:string@1',
  V1ClientIPConfig: 'timeoutSeconds:int@1',
  V1ClusterRole: 'aggregationRule:V1AggregationRule@3 apiVersion:string kind:string metadata:V1ObjectMeta@1 rules:[]V1PolicyRule@2',
  V1ClusterRoleBinding: 'apiVersion:string kind:string metadata:V1ObjectMeta@1 roleRef!:V1RoleRef@3 subjects:[]RbacV1Subject@2',
  V1ClusterTrustBundleProjection: 'labelSelector:V1LabelSelector@3 name:string@1 optional:bool@5 path!:string@4 signerName:string@2',
  V1Condition: 'lastTransitionTime!:time@4 message!:string@6 observedGeneration:int@3 reason!:string@5 status!:string@2 type!:string@1',
  V1ConfigMap: 'apiVersion:string binaryData:{}string@3 data:{}string@2 immutable:bool@4 kind:string metadata:V1ObjectMeta@1',
  V1ConfigMapEnvSource: 'name:string optional:bool@2 ~localObjectReference:V1LocalObjectReference@1',
  V1ConfigMapKeySelector: 'key!:string@2 name:string optional:bool@3 ~localObjectReference:V1LocalObjectReference@1',
  V1ConfigMapNodeConfigSource: 'kubeletConfigKey!:string@5 name!:string@2 namespace!:string@1 resourceVersion:string@4 uid:string@3',
  V1ConfigMapProjection: 'items:[]V1KeyToPath@2 name:string optional:bool@4 ~localObjectReference:V1LocalObjectReference@1',
  V1ConfigMapVolumeSource:
    'defaultMode:int@3 items:[]V1KeyToPath@2 name:string optional:bool@4 ~localObjectReference:V1LocalObjectReference@1',
  V1Container:
    'args:[]string@4 command:[]string@3 env:[]V1EnvVar@7 envFrom:[]V1EnvFromSource@19 image:string@2 imagePullPolicy:string@14 lifecycle:V1Lifecycle@12 livenessProbe:V1Probe@10 name!:string@1 ports:[]V1ContainerPort@6 readinessProbe:V1Probe@11 resizePolicy:[]V1ContainerResizePolicy@23 resources:V1ResourceRequirements@8 restartPolicy:string@24 restartPolicyRules:[]V1ContainerRestartRule@25 securityContext:V1SecurityContext@15 startupProbe:V1Probe@22 stdin:bool@16 stdinOnce:bool@17 terminationMessagePath:string@13 terminationMessagePolicy:string@20 tty:bool@18 volumeDevices:[]V1VolumeDevice@21 volumeMounts:[]V1VolumeMount@9 workingDir:string@5',
  V1ContainerExtendedResourceRequest: 'containerName!:string@1 requestName!:string@3 resourceName!:string@2',
  V1ContainerImage: 'names:[]string@1 sizeBytes:int@2',
  V1ContainerPort: 'containerPort!:int@3 hostIP:string@5 hostPort:int@2 name:string@1 protocol:string@4',
  V1ContainerResizePolicy: 'resourceName!:string@1 restartPolicy!:string@2',
  V1ContainerRestartRule: 'action!:string@1 exitCodes:V1ContainerRestartRuleOnExitCodes@2',
  V1ContainerRestartRuleOnExitCodes: 'operator!:string@1 values:[]int@2',
  V1ContainerState: 'running:V1ContainerStateRunning@2 terminated:V1ContainerStateTerminated@3 waiting:V1ContainerStateWaiting@1',
  V1ContainerStateRunning: 'startedAt:time@1',
  V1ContainerStateTerminated:
    'containerID:string@7 exitCode!:int@1 finishedAt:time@6 message:string@4 reason:string@3 signal:int@2 startedAt:time@5',
  V1ContainerStateWaiting: 'message:string@2 reason:string@1',
  V1ContainerStatus:
    'allocatedResources:{}string@10 allocatedResourcesStatus:[]V1ResourceStatus@14 containerID:string@8 image!:string@6 imageID!:string@7 lastState:V1ContainerState@3 name!:string@1 ready!:bool@4 resources:V1ResourceRequirements@11 restartCount!:int@5 started:bool@9 state:V1ContainerState@2 stopSignal:string@15 user:V1ContainerUser@13 volumeMounts:[]V1VolumeMountStatus@12',
  V1ContainerUser: 'linux:V1LinuxContainerUser@1',
  V1CustomResourceColumnDefinition: 'description:string format:string jsonPath!:string name!:string priority:int type!:string',
  V1CustomResourceConversion: 'strategy!:string webhook:V1WebhookConversion',
  V1CustomResourceDefinition:
    'apiVersion:string kind:string metadata:V1ObjectMeta spec!:V1CustomResourceDefinitionSpec status:V1CustomResourceDefinitionStatus',
  V1CustomResourceDefinitionCondition:
    'lastTransitionTime:time message:string observedGeneration:int reason:string status!:string type!:string',
  V1CustomResourceDefinitionNames: 'categories:[]string kind!:string listKind:string plural!:string shortNames:[]string singular:string',
  V1CustomResourceDefinitionSpec:
    'conversion:V1CustomResourceConversion group!:string names!:V1CustomResourceDefinitionNames preserveUnknownFields:bool scope!:string versions!:[]V1CustomResourceDefinitionVersion',
  V1CustomResourceDefinitionStatus:
    'acceptedNames:V1CustomResourceDefinitionNames conditions:[]V1CustomResourceDefinitionCondition observedGeneration:int storedVersions:[]string',
  V1CustomResourceDefinitionVersion:
    'additionalPrinterColumns:[]V1CustomResourceColumnDefinition deprecated:bool deprecationWarning:string name!:string schema:V1CustomResourceValidation selectableFields:[]V1SelectableField served!:bool storage!:bool subresources:V1CustomResourceSubresources',
  V1CustomResourceSubresourceScale: 'labelSelectorPath:string specReplicasPath!:string statusReplicasPath!:string',
  V1CustomResourceSubresources: 'scale:V1CustomResourceSubresourceScale status:any',
  V1CustomResourceValidation: 'openAPIV3Schema:any',
  V1DaemonEndpoint: 'Port!:int@1',
  V1DaemonSet: 'apiVersion:string kind:string metadata:V1ObjectMeta@1 spec:V1DaemonSetSpec@2 status:V1DaemonSetStatus@3',
  V1DaemonSetCondition: 'lastTransitionTime:time@3 message:string@5 reason:string@4 status!:string@2 type!:string@1',
  V1DaemonSetSpec:
    'minReadySeconds:int@4 revisionHistoryLimit:int@6 selector!:V1LabelSelector@1 template!:V1PodTemplateSpec@2 updateStrategy:V1DaemonSetUpdateStrategy@3',
  V1DaemonSetStatus:
    'collisionCount:int@9 conditions:[]V1DaemonSetCondition@10 currentNumberScheduled!:int@1 desiredNumberScheduled!:int@3 numberAvailable:int@7 numberMisscheduled!:int@2 numberReady!:int@4 numberUnavailable:int@8 observedGeneration:int@5 updatedNumberScheduled:int@6',
  V1DaemonSetUpdateStrategy: 'rollingUpdate:V1RollingUpdateDaemonSet@2 type:string@1',
  V1DeleteOptions:
    'apiVersion:string dryRun:[]string@5 gracePeriodSeconds:int@1 ignoreStoreReadErrorWithClusterBreakingPotential:bool@6 kind:string orphanDependents:bool@3 preconditions:V1Preconditions@2 propagationPolicy:string@4',
  V1Deployment: 'apiVersion:string kind:string metadata:V1ObjectMeta@1 spec:V1DeploymentSpec@2 status:V1DeploymentStatus@3',
  V1DeploymentCondition: 'lastTransitionTime:time@7 lastUpdateTime:time@6 message:string@5 reason:string@4 status!:string@2 type!:string@1',
  V1DeploymentSpec:
    'minReadySeconds:int@5 paused:bool@7 progressDeadlineSeconds:int@9 replicas:int@1 revisionHistoryLimit:int@6 selector!:V1LabelSelector@2 strategy:V1DeploymentStrategy@4 template!:V1PodTemplateSpec@3',
  V1DeploymentStatus:
    'availableReplicas:int@4 collisionCount:int@8 conditions:[]V1DeploymentCondition@6 observedGeneration:int@1 readyReplicas:int@7 replicas:int@2 terminatingReplicas:int@9 unavailableReplicas:int@5 updatedReplicas:int@3',
  V1DeploymentStrategy: 'rollingUpdate:V1RollingUpdateDeployment@2 type:string@1',
  V1DownwardAPIProjection: 'items:[]V1DownwardAPIVolumeFile@1',
  V1DownwardAPIVolumeFile: 'fieldRef:V1ObjectFieldSelector@2 mode:int@4 path!:string@1 resourceFieldRef:V1ResourceFieldSelector@3',
  V1DownwardAPIVolumeSource: 'defaultMode:int@2 items:[]V1DownwardAPIVolumeFile@1',
  V1EmptyDirVolumeSource: 'medium:string@1 sizeLimit:string@2',
  V1Endpoint:
    'addresses!:[]string@1 conditions:V1EndpointConditions@2 deprecatedTopology:{}string@5 hints:V1EndpointHints@8 hostname:string@3 nodeName:string@6 targetRef:V1ObjectReference@4 zone:string@7',
  V1EndpointAddress: 'hostname:string@3 ip!:string@1 nodeName:string@4 targetRef:V1ObjectReference@2',
  V1EndpointConditions: 'ready:bool@1 serving:bool@2 terminating:bool@3',
  V1EndpointHints: 'forNodes:[]V1ForNode@2 forZones:[]V1ForZone@1',
  V1EndpointSlice:
    'addressType!:string@4 apiVersion:string endpoints:[]V1Endpoint@2 kind:string metadata:V1ObjectMeta@1 ports:[]DiscoveryV1EndpointPort@3',
  V1EndpointSubset: 'addresses:[]V1EndpointAddress@1 notReadyAddresses:[]V1EndpointAddress@2 ports:[]CoreV1EndpointPort@3',
  V1Endpoints: 'apiVersion:string kind:string metadata:V1ObjectMeta@1 subsets:[]V1EndpointSubset@2',
  V1EnvFromSource: 'configMapRef:V1ConfigMapEnvSource@2 prefix:string@1 secretRef:V1SecretEnvSource@3',
  V1EnvVar: 'name!:string@1 value:string@2 valueFrom:V1EnvVarSource@3',
  V1EnvVarSource:
    'configMapKeyRef:V1ConfigMapKeySelector@3 fieldRef:V1ObjectFieldSelector@1 fileKeyRef:V1FileKeySelector@5 resourceFieldRef:V1ResourceFieldSelector@2 secretKeyRef:V1SecretKeySelector@4',
  V1EphemeralContainer:
    'args:[]string command:[]string env:[]V1EnvVar envFrom:[]V1EnvFromSource image:string imagePullPolicy:string lifecycle:V1Lifecycle livenessProbe:V1Probe name!:string ports:[]V1ContainerPort readinessProbe:V1Probe resizePolicy:[]V1ContainerResizePolicy resources:V1ResourceRequirements restartPolicy:string restartPolicyRules:[]V1ContainerRestartRule securityContext:V1SecurityContext startupProbe:V1Probe stdin:bool stdinOnce:bool targetContainerName:string@2 terminationMessagePath:string terminationMessagePolicy:string tty:bool volumeDevices:[]V1VolumeDevice volumeMounts:[]V1VolumeMount workingDir:string ~ephemeralContainerCommon:V1EphemeralContainerCommon@1',
  V1EphemeralContainerCommon:
    'name:string@1 image:string@2 command:string@3 args:string@4 workingDir:string@5 ports:V1ContainerPort@6 envFrom:V1EnvFromSource@19 env:V1EnvVar@7 resources:V1ResourceRequirements@8 resizePolicy:V1ContainerResizePolicy@23 restartPolicy:string@24 restartPolicyRules:V1ContainerRestartRule@25 volumeMounts:V1VolumeMount@9 volumeDevices:V1VolumeDevice@21 livenessProbe:V1Probe@10 readinessProbe:V1Probe@11 startupProbe:V1Probe@22 lifecycle:V1Lifecycle@12 terminationMessagePath:string@13 terminationMessagePolicy:string@20 imagePullPolicy:string@14 securityContext:V1SecurityContext@15 stdin:string@16 stdinOnce:string@17 tty:string@18',
  V1EphemeralVolumeSource: 'volumeClaimTemplate:V1PersistentVolumeClaimTemplate@1',
  V1EventSource: 'component:string@1 host:string@2',
  V1EvictionResponder: 'name:string@1 priority:string@2',
  V1ExecAction: 'command:[]string@1',
  V1FCVolumeSource: 'fsType:string@3 lun:int@2 readOnly:bool@4 targetWWNs:[]string@1 wwids:[]string@5',
  V1FieldSelectorAttributes: 'rawSelector:string@1 requirements:[]V1FieldSelectorRequirement@2',
  V1FieldSelectorRequirement: 'key!:string@1 operator!:string@2 values:[]string@3',
  V1FileKeySelector: 'key!:string@3 optional:bool@4 path!:string@2 volumeName!:string@1',
  V1FlexVolumeSource: 'driver!:string@1 fsType:string@2 options:{}string@5 readOnly:bool@4 secretRef:V1LocalObjectReference@3',
  V1FlockerVolumeSource: 'datasetName:string@1 datasetUUID:string@2',
  V1ForNode: 'name!:string@1',
  V1ForZone: 'name!:string@1',
  V1GCEPersistentDiskVolumeSource: 'fsType:string@2 partition:int@3 pdName!:string@1 readOnly:bool@4',
  V1GRPCAction: 'port!:int@1 service:string@2',
  V1GitRepoVolumeSource: 'directory:string@3 repository!:string@1 revision:string@2',
  V1GlusterfsVolumeSource: 'endpoints!:string@1 path!:string@2 readOnly:bool@3',
  V1HTTPGetAction: 'host:string@3 httpHeaders:[]V1HTTPHeader@5 path:string@1 port!:intstr@2 scheme:string@4',
  V1HTTPHeader: 'name!:string@1 value!:string@2',
  V1HTTPIngressPath: 'backend!:V1IngressBackend@2 path:string@1 pathType!:string@3',
  V1HTTPIngressRuleValue: 'paths!:[]V1HTTPIngressPath@1',
  V1HostAlias: 'hostnames:[]string@2 ip!:string@1',
  V1HostIP: 'ip!:string@1',
  V1HostPathVolumeSource: 'path!:string@1 type:string@2',
  V1IPAddress: 'apiVersion:string kind:string metadata:V1ObjectMeta@1 spec!:V1IPAddressSpec@2',
  V1IPAddressSpec: 'parentRef!:V1ParentReference@1',
  V1IPBlock: 'cidr!:string@1 except:[]string@2',
  V1ISCSIVolumeSource:
    'chapAuthDiscovery:bool@8 chapAuthSession:bool@11 fsType:string@5 initiatorName:string@12 iqn!:string@2 iscsiInterface:string@4 lun!:int@3 portals:[]string@7 readOnly:bool@6 secretRef:V1LocalObjectReference@10 targetPortal!:string@1',
  V1ImageVolumeSource: 'pullPolicy:string@2 reference:string@1',
  V1ImageVolumeStatus: 'imageRef!:string@1',
  V1Ingress: 'apiVersion:string kind:string metadata:V1ObjectMeta@1 spec:V1IngressSpec@2 status:V1IngressStatus@3',
  V1IngressBackend: 'resource:V1TypedLocalObjectReference@3 service:V1IngressServiceBackend@4',
  V1IngressClass: 'apiVersion:string kind:string metadata:V1ObjectMeta@1 spec:V1IngressClassSpec@2',
  V1IngressClassParametersReference: 'apiGroup:string kind!:string@2 name!:string@3 namespace:string@5 scope:string@4',
  V1IngressClassSpec: 'controller:string@1 parameters:V1IngressClassParametersReference@2',
  V1IngressLoadBalancerIngress: 'hostname:string@2 ip:string@1 ports:[]V1IngressPortStatus@4',
  V1IngressLoadBalancerStatus: 'ingress:[]V1IngressLoadBalancerIngress@1',
  V1IngressPortStatus: 'error:string@3 port!:int@1 protocol!:string@2',
  V1IngressRule: 'host:string@1 http:V1HTTPIngressRuleValue ~ingressRuleValue:V1IngressRuleValue@2',
  V1IngressRuleValue: 'http:V1HTTPIngressRuleValue@1',
  V1IngressServiceBackend: 'name!:string@1 port:V1ServiceBackendPort@2',
  V1IngressSpec: 'defaultBackend:V1IngressBackend@1 ingressClassName:string@4 rules:[]V1IngressRule@3 tls:[]V1IngressTLS@2',
  V1IngressStatus: 'loadBalancer:V1IngressLoadBalancerStatus@1',
  V1IngressTLS: 'hosts:[]string@1 secretName:string@2',
  V1Job: 'apiVersion:string kind:string metadata:V1ObjectMeta@1 spec:V1JobSpec@2 status:V1JobStatus@3',
  V1JobCondition: 'lastProbeTime:time@3 lastTransitionTime:time@4 message:string@6 reason:string@5 status!:string@2 type!:string@1',
  V1JobSchedulingConfiguration: 'schedulingPolicy:string@1 schedulingConstraints:string@2 disruptionMode:string@3 resourceClaims:string@4',
  V1JobSpec:
    'activeDeadlineSeconds:int@3 backoffLimit:int@7 backoffLimitPerIndex:int@12 completionMode:string@9 completions:int@2 managedBy:string@15 manualSelector:bool@5 maxFailedIndexes:int@13 parallelism:int@1 podFailurePolicy:V1PodFailurePolicy@11 podReplacementPolicy:string@14 selector:V1LabelSelector@4 successPolicy:V1SuccessPolicy@16 suspend:bool@10 template!:V1PodTemplateSpec@6 ttlSecondsAfterFinished:int@8 ~scheduling:V1JobSchedulingConfiguration@17',
  V1JobStatus:
    'active:int@4 completedIndexes:string@7 completionTime:time@3 conditions:[]V1JobCondition@1 failed:int@6 failedIndexes:string@10 ready:int@9 startTime:time@2 succeeded:int@5 terminating:int@11 uncountedTerminatedPods:V1UncountedTerminatedPods@8',
  V1KeyToPath: 'key!:string@1 mode:int@3 path!:string@2',
  V1LabelSelector: 'matchExpressions:[]V1LabelSelectorRequirement@2 matchLabels:{}string@1',
  V1LabelSelectorAttributes: 'rawSelector:string@1 requirements:[]V1LabelSelectorRequirement@2',
  V1LabelSelectorRequirement: 'key!:string@1 operator!:string@2 values:[]string@3',
  V1Lease: 'apiVersion:string kind:string metadata:V1ObjectMeta@1 spec:V1LeaseSpec@2',
  V1LeaseSpec:
    'acquireTime:microtime@3 holderIdentity:string@1 leaseDurationSeconds:int@2 leaseTransitions:int@5 preferredHolder:string@7 renewTime:microtime@4 strategy:string@6',
  V1Lifecycle: 'postStart:V1LifecycleHandler@1 preStop:V1LifecycleHandler@2 stopSignal:string@3',
  V1LifecycleHandler: 'exec:V1ExecAction@1 httpGet:V1HTTPGetAction@2 sleep:V1SleepAction@4 tcpSocket:V1TCPSocketAction@3',
  V1LinuxContainerUser: 'gid!:int@2 supplementalGroups:[]int@3 uid!:int@1',
  V1ListMeta: 'continue:string@3 remainingItemCount:int@4 resourceVersion:string@2 selfLink:string@1 shardInfo:V1ShardInfo@5',
  V1LoadBalancerIngress: 'hostname:string@2 ip:string@1 ipMode:string@3 ports:[]V1PortStatus@4',
  V1LoadBalancerStatus: 'ingress:[]V1LoadBalancerIngress@1',
  V1LocalObjectReference: 'name:string@1',
  V1LocalSubjectAccessReview:
    'apiVersion:string kind:string metadata:V1ObjectMeta@1 spec!:V1SubjectAccessReviewSpec@2 status:V1SubjectAccessReviewStatus@3',
  V1ManagedFieldsEntry:
    'apiVersion:string@3 fieldsType:string@6 fieldsV1:any@7 manager:string@1 operation:string@2 subresource:string@8 time:time@4',
  V1MatchCondition: 'expression!:string@2 name!:string@1',
  V1ModifyVolumeStatus: 'status!:string@2 targetVolumeAttributesClassName:string@1',
  V1MutatingWebhook:
    'admissionReviewVersions!:[]string@8 clientConfig!:AdmissionregistrationV1WebhookClientConfig@2 failurePolicy:string@4 matchConditions:[]V1MatchCondition@12 matchPolicy:string@9 name!:string@1 namespaceSelector:V1LabelSelector@5 objectSelector:V1LabelSelector@11 reinvocationPolicy:string@10 rules:[]V1RuleWithOperations@3 sideEffects!:string@6 timeoutSeconds:int@7',
  V1MutatingWebhookConfiguration:
    'apiVersion:string kind:string metadata:V1ObjectMeta@1 webhooks:[]V1MutatingWebhook ~Webhooks:V1MutatingWebhook@2',
  V1NFSVolumeSource: 'path!:string@2 readOnly:bool@3 server!:string@1',
  V1Namespace: 'apiVersion:string kind:string metadata:V1ObjectMeta@1 spec:V1NamespaceSpec@2 status:V1NamespaceStatus@3',
  V1NamespaceCondition: 'lastTransitionTime:time@4 message:string@6 reason:string@5 status!:string@2 type!:string@1',
  V1NamespaceSpec: 'finalizers:[]string@1',
  V1NamespaceStatus: 'conditions:[]V1NamespaceCondition@2 phase:string@1',
  V1NetworkPolicy: 'apiVersion:string kind:string metadata:V1ObjectMeta@1 spec:V1NetworkPolicySpec@2',
  V1NetworkPolicyEgressRule: 'ports:[]V1NetworkPolicyPort@1 to:[]V1NetworkPolicyPeer@2',
  V1NetworkPolicyIngressRule: 'from:[]V1NetworkPolicyPeer@2 ports:[]V1NetworkPolicyPort@1',
  V1NetworkPolicyPeer: 'ipBlock:V1IPBlock@3 namespaceSelector:V1LabelSelector@2 podSelector:V1LabelSelector@1',
  V1NetworkPolicyPort: 'endPort:int@3 port:intstr@2 protocol:string@1',
  V1NetworkPolicySpec:
    'egress:[]V1NetworkPolicyEgressRule@3 ingress:[]V1NetworkPolicyIngressRule@2 podSelector:V1LabelSelector@1 policyTypes:[]string@4',
  V1Node: 'apiVersion:string kind:string metadata:V1ObjectMeta@1 spec:V1NodeSpec@2 status:V1NodeStatus@3',
  V1NodeAddress: 'address!:string@2 type!:string@1',
  V1NodeAffinity:
    'preferredDuringSchedulingIgnoredDuringExecution:[]V1PreferredSchedulingTerm@2 requiredDuringSchedulingIgnoredDuringExecution:V1NodeSelector@1',
  V1NodeAllocatableMappedResources: 'name:string@1 quantity:string@2',
  V1NodeAllocatableOverheadResources: 'name:string@1 perPod:string@2 perContainer:string@3',
  V1NodeAllocatableResourceClaimStatus:
    'containers:[]string@2 resourceClaimName!:string@1 resources!:{}string ~mapping:V1NodeAllocatableMappedResources@4 ~overhead:V1NodeAllocatableOverheadResources@5',
  V1NodeCondition: 'lastHeartbeatTime:time@3 lastTransitionTime:time@4 message:string@6 reason:string@5 status!:string@2 type!:string@1',
  V1NodeConfigSource: 'configMap:V1ConfigMapNodeConfigSource@2',
  V1NodeConfigStatus: 'active:V1NodeConfigSource@2 assigned:V1NodeConfigSource@1 error:string@4 lastKnownGood:V1NodeConfigSource@3',
  V1NodeDaemonEndpoints: 'kubeletEndpoint:V1DaemonEndpoint@1',
  V1NodeFeatures: 'supplementalGroupsPolicy:bool@1',
  V1NodePodPreemptionPolicy: 'disableResizePreemption:string@1',
  V1NodeRuntimeHandler: 'features:V1NodeRuntimeHandlerFeatures@2 name:string@1',
  V1NodeRuntimeHandlerFeatures: 'recursiveReadOnlyMounts:bool@1 userNamespaces:bool@2',
  V1NodeSelector: 'nodeSelectorTerms!:[]V1NodeSelectorTerm@1',
  V1NodeSelectorRequirement: 'key!:string@1 operator!:string@2 values:[]string@3',
  V1NodeSelectorTerm: 'matchExpressions:[]V1NodeSelectorRequirement@1 matchFields:[]V1NodeSelectorRequirement@2',
  V1NodeSpec:
    'configSource:V1NodeConfigSource@6 externalID:string@2 podCIDR:string@1 podCIDRs:[]string@7 providerID:string@3 taints:[]V1Taint@5 unschedulable:bool@4 ~podPreemptionPolicy:V1NodePodPreemptionPolicy@8',
  V1NodeStatus:
    'addresses:[]V1NodeAddress@5 allocatable:{}string@2 capacity:{}string@1 conditions:[]V1NodeCondition@4 config:V1NodeConfigStatus@11 daemonEndpoints:V1NodeDaemonEndpoints@6 declaredFeatures:[]string@14 features:V1NodeFeatures@13 images:[]V1ContainerImage@8 nodeInfo:V1NodeSystemInfo@7 phase:string@3 runtimeHandlers:[]V1NodeRuntimeHandler@12 volumesAttached:[]V1AttachedVolume@10 volumesInUse:[]string@9',
  V1NodeSwapStatus: 'capacity:int@1',
  V1NodeSystemInfo:
    'architecture!:string@10 bootID!:string@3 containerRuntimeVersion!:string@6 kernelVersion!:string@4 kubeProxyVersion!:string@8 kubeletVersion!:string@7 machineID!:string@1 operatingSystem!:string@9 osImage!:string@5 swap:V1NodeSwapStatus@11 systemUUID!:string@2',
  V1NonResourceAttributes: 'path:string@1 verb:string@2',
  V1NonResourceRule: 'nonResourceURLs:[]string@2 verbs!:[]string@1',
  V1ObjectFieldSelector: 'apiVersion:string@1 fieldPath!:string@2',
  V1ObjectMeta:
    'annotations:{}string@12 creationTimestamp:time@8 deletionGracePeriodSeconds:int@10 deletionTimestamp:time@9 finalizers:[]string@14 generateName:string@2 generation:int@7 labels:{}string@11 managedFields:[]V1ManagedFieldsEntry@17 name:string@1 namespace:string@3 ownerReferences:[]V1OwnerReference@13 resourceVersion:string@6 selfLink:string@4 uid:string@5',
  V1ObjectReference:
    'apiVersion:string@5 fieldPath:string@7 kind:string@1 name:string@3 namespace:string@2 resourceVersion:string@6 uid:string@4',
  V1OwnerReference: 'apiVersion!:string@5 blockOwnerDeletion:bool@7 controller:bool@6 kind!:string@1 name!:string@3 uid!:string@4',
  V1ParentReference: 'group:string@1 name!:string@4 namespace:string@3 resource!:string@2',
  V1PersistentVolumeClaim:
    'apiVersion:string kind:string metadata:V1ObjectMeta@1 spec:V1PersistentVolumeClaimSpec@2 status:V1PersistentVolumeClaimStatus@3',
  V1PersistentVolumeClaimCondition:
    'lastProbeTime:time@3 lastTransitionTime:time@4 message:string@6 reason:string@5 status!:string@2 type!:string@1',
  V1PersistentVolumeClaimSpec:
    'accessModes:[]string@1 dataSource:V1TypedLocalObjectReference@7 dataSourceRef:V1TypedObjectReference@8 resources:V1VolumeResourceRequirements@2 selector:V1LabelSelector@4 storageClassName:string@5 volumeAttributesClassName:string@9 volumeMode:string@6 volumeName:string@3',
  V1PersistentVolumeClaimStatus:
    'accessModes:[]string@2 allocatedResourceStatuses:{}string@7 allocatedResources:{}string@5 capacity:{}string@3 conditions:[]V1PersistentVolumeClaimCondition@4 currentVolumeAttributesClassName:string@8 modifyVolumeStatus:V1ModifyVolumeStatus@9 phase:string@1 ~healthStatus:V1VolumeHealthStatus@10',
  V1PersistentVolumeClaimTemplate: 'metadata:V1ObjectMeta@1 spec!:V1PersistentVolumeClaimSpec@2',
  V1PersistentVolumeClaimVolumeSource: 'claimName!:string@1 readOnly:bool@2',
  V1PhotonPersistentDiskVolumeSource: 'fsType:string@2 pdID!:string@1',
  V1Pod: 'apiVersion:string kind:string metadata:V1ObjectMeta@1 spec:V1PodSpec@2 status:V1PodStatus@3',
  V1PodAffinity:
    'preferredDuringSchedulingIgnoredDuringExecution:[]V1WeightedPodAffinityTerm@2 requiredDuringSchedulingIgnoredDuringExecution:[]V1PodAffinityTerm@1',
  V1PodAffinityTerm:
    'labelSelector:V1LabelSelector@1 matchLabelKeys:[]string@5 mismatchLabelKeys:[]string@6 namespaceSelector:V1LabelSelector@4 namespaces:[]string@2 topologyKey!:string@3',
  V1PodAntiAffinity:
    'preferredDuringSchedulingIgnoredDuringExecution:[]V1WeightedPodAffinityTerm@2 requiredDuringSchedulingIgnoredDuringExecution:[]V1PodAffinityTerm@1',
  V1PodCertificateProjection:
    'certificateChainPath:string@6 credentialBundlePath:string@4 keyPath:string@5 keyType!:string@2 maxExpirationSeconds:int@3 signerName!:string@1 userAnnotations:{}string@7',
  V1PodCondition:
    'lastProbeTime:time@3 lastTransitionTime:time@4 message:string@6 observedGeneration:int@7 reason:string@5 status!:string@2 type!:string@1',
  V1PodDNSConfig: 'nameservers:[]string@1 options:[]V1PodDNSConfigOption@3 searches:[]string@2',
  V1PodDNSConfigOption: 'name:string@1 value:string@2',
  V1PodDisruptionBudget:
    'apiVersion:string kind:string metadata:V1ObjectMeta@1 spec:V1PodDisruptionBudgetSpec@2 status:V1PodDisruptionBudgetStatus@3',
  V1PodDisruptionBudgetSpec: 'maxUnavailable:intstr@3 minAvailable:intstr@1 selector:V1LabelSelector@2 unhealthyPodEvictionPolicy:string@4',
  V1PodDisruptionBudgetStatus:
    'conditions:[]V1Condition@7 currentHealthy:int@4 desiredHealthy:int@5 disruptedPods:{}time@2 disruptionsAllowed:int@3 expectedPods:int@6 observedGeneration:int@1',
  V1PodExtendedResourceClaimStatus: 'requestMappings!:[]V1ContainerExtendedResourceRequest@1 resourceClaimName!:string@2',
  V1PodFailurePolicy: 'rules!:[]V1PodFailurePolicyRule@1',
  V1PodFailurePolicyOnExitCodesRequirement: 'containerName:string@1 operator!:string@2 values!:[]int@3',
  V1PodFailurePolicyOnPodConditionsPattern: 'status:string@2 type!:string@1',
  V1PodFailurePolicyRule:
    'action!:string@1 onExitCodes:V1PodFailurePolicyOnExitCodesRequirement@2 onPodConditions:[]V1PodFailurePolicyOnPodConditionsPattern@3',
  V1PodIP: 'ip!:string@1',
  V1PodOS: 'name!:string@1',
  V1PodReadinessGate: 'conditionType!:string@1',
  V1PodResourceClaim: 'name!:string@1 resourceClaimName:string@3 resourceClaimTemplateName:string@4',
  V1PodResourceClaimStatus: 'name!:string@1 resourceClaimName:string@2',
  V1PodSchedulingGate: 'name!:string@1',
  V1PodSchedulingGroup: 'podGroupName:string@1',
  V1PodSecurityContext:
    'appArmorProfile:V1AppArmorProfile@11 fsGroup:int@5 fsGroupChangePolicy:string@9 runAsGroup:int@6 runAsNonRoot:bool@3 runAsUser:int@2 seLinuxChangePolicy:string@13 seLinuxOptions:V1SELinuxOptions@1 seccompProfile:V1SeccompProfile@10 supplementalGroups:[]int@4 supplementalGroupsPolicy:string@12 sysctls:[]V1Sysctl@7 windowsOptions:V1WindowsSecurityContextOptions@8',
  V1PodSpec:
    'activeDeadlineSeconds:int@5 affinity:V1Affinity@18 automountServiceAccountToken:bool@21 containers!:[]V1Container@2 dnsConfig:V1PodDNSConfig@26 dnsPolicy:string@6 enableServiceLinks:bool@30 ephemeralContainers:[]V1EphemeralContainer@34 hostAliases:[]V1HostAlias@23 hostIPC:bool@13 hostNetwork:bool@11 hostPID:bool@12 hostUsers:bool@37 hostname:string@16 hostnameOverride:string@41 imagePullSecrets:[]V1LocalObjectReference@15 initContainers:[]V1Container@20 nodeName:string@10 nodeSelector:{}string@7 os:V1PodOS@36 overhead:{}string@32 preemptionPolicy:string@31 priority:int@25 priorityClassName:string@24 readinessGates:[]V1PodReadinessGate@28 resourceClaims:[]V1PodResourceClaim@39 resources:V1ResourceRequirements@40 restartPolicy:string@3 runtimeClassName:string@29 schedulerName:string@19 schedulingGates:[]V1PodSchedulingGate@38 schedulingGroup:V1PodSchedulingGroup@43 securityContext:V1PodSecurityContext@14 serviceAccount:string@9 serviceAccountName:string@8 setHostnameAsFQDN:bool@35 shareProcessNamespace:bool@27 subdomain:string@17 terminationGracePeriodSeconds:int@4 tolerations:[]V1Toleration@22 topologySpreadConstraints:[]V1TopologySpreadConstraint@33 volumes:[]V1Volume@1 ~evictionResponders:V1EvictionResponder@44',
  V1PodStatus:
    'allocatedResources:{}string@19 conditions:[]V1PodCondition@2 containerStatuses:[]V1ContainerStatus@8 ephemeralContainerStatuses:[]V1ContainerStatus@13 extendedResourceClaimStatus:V1PodExtendedResourceClaimStatus@18 hostIP:string@5 hostIPs:[]V1HostIP@16 initContainerStatuses:[]V1ContainerStatus@10 message:string@3 nodeAllocatableResourceClaimStatuses:[]V1NodeAllocatableResourceClaimStatus@21 nominatedNodeName:string@11 observedGeneration:int@17 phase:string@1 podIP:string@6 podIPs:[]V1PodIP@12 qosClass:string@9 reason:string@4 resize:string@14 resourceClaimStatuses:[]V1PodResourceClaimStatus@15 resources:V1ResourceRequirements@20 startTime:time@7 ~volumeHealth:V1PodVolumeHealth@22',
  V1PodTemplateSpec: 'metadata:V1ObjectMeta@1 spec:V1PodSpec@2',
  V1PodVolumeHealth: 'name:string@1 healthConditions:string@2 lastTransitionTime:string@3',
  V1PolicyRule: 'apiGroups:[]string@2 nonResourceURLs:[]string@5 resourceNames:[]string@4 resources:[]string@3 verbs!:[]string@1',
  V1PortStatus: 'error:string@3 port!:int@1 protocol!:string@2',
  V1PortworxVolumeSource: 'fsType:string@2 readOnly:bool@3 volumeID!:string@1',
  V1Preconditions: 'resourceVersion:string uid:string@1',
  V1PreferredSchedulingTerm: 'preference!:V1NodeSelectorTerm@2 weight!:int@1',
  V1PriorityClass:
    'apiVersion:string description:string@4 globalDefault:bool@3 kind:string metadata:V1ObjectMeta@1 preemptionPolicy:string@5 value:int@2',
  V1Probe:
    'exec:V1ExecAction failureThreshold:int@6 grpc:V1GRPCAction httpGet:V1HTTPGetAction initialDelaySeconds:int@2 periodSeconds:int@4 successThreshold:int@5 tcpSocket:V1TCPSocketAction terminationGracePeriodSeconds:int@7 timeoutSeconds:int@3 ~handler:V1ProbeHandler@1',
  V1ProbeHandler: 'exec:V1ExecAction@1 httpGet:V1HTTPGetAction@2 tcpSocket:V1TCPSocketAction@3 grpc:V1GRPCAction@4',
  V1ProjectedVolumeSource: 'defaultMode:int@2 sources:[]V1VolumeProjection@1',
  V1QuobyteVolumeSource: 'group:string@5 readOnly:bool@3 registry!:string@1 tenant:string@6 user:string@4 volume!:string@2',
  V1RBDVolumeSource:
    'fsType:string@3 image!:string@2 keyring:string@6 monitors!:[]string@1 pool:string@4 readOnly:bool@8 secretRef:V1LocalObjectReference@7 user:string@5',
  V1ReplicaSet: 'apiVersion:string kind:string metadata:V1ObjectMeta@1 spec:V1ReplicaSetSpec@2 status:V1ReplicaSetStatus@3',
  V1ReplicaSetCondition: 'lastTransitionTime:time@3 message:string@5 reason:string@4 status!:string@2 type!:string@1',
  V1ReplicaSetSpec: 'minReadySeconds:int@4 replicas:int@1 selector!:V1LabelSelector@2 template:V1PodTemplateSpec@3',
  V1ReplicaSetStatus:
    'availableReplicas:int@5 conditions:[]V1ReplicaSetCondition@6 fullyLabeledReplicas:int@2 observedGeneration:int@3 readyReplicas:int@4 replicas!:int@1 terminatingReplicas:int@7',
  V1ResourceAttributes:
    'fieldSelector:V1FieldSelectorAttributes@8 group:string@3 labelSelector:V1LabelSelectorAttributes@9 name:string@7 namespace:string@1 resource:string@5 subresource:string@6 verb:string@2 version:string@4',
  V1ResourceFieldSelector: 'containerName:string@1 divisor:string@3 resource!:string@2',
  V1ResourceHealth: 'health:string@2 message:string@6 resourceID!:string@1',
  V1ResourceRequirements: 'claims:[]CoreV1ResourceClaim@3 limits:{}string@1 requests:{}string@2',
  V1ResourceRule: 'apiGroups:[]string@2 resourceNames:[]string@4 resources:[]string@3 verbs!:[]string@1',
  V1ResourceStatus: 'name!:string@1 resources:[]V1ResourceHealth@2',
  V1Role: 'apiVersion:string kind:string metadata:V1ObjectMeta@1 rules:[]V1PolicyRule@2',
  V1RoleBinding: 'apiVersion:string kind:string metadata:V1ObjectMeta@1 roleRef!:V1RoleRef@3 subjects:[]RbacV1Subject@2',
  V1RoleRef: 'apiGroup:string@1 kind!:string@2 name!:string@3',
  V1RollingUpdateDaemonSet: 'maxSurge:intstr@2 maxUnavailable:intstr@1',
  V1RollingUpdateDeployment: 'maxSurge:intstr@2 maxUnavailable:intstr@1',
  V1RollingUpdateStatefulSetStrategy: 'maxUnavailable:intstr@2 partition:int@1',
  V1Rule: 'apiGroups:string@1 apiVersions:string@2 resources:string@3 scope:string@4',
  V1RuleWithOperations: 'apiGroups:[]string apiVersions:[]string operations:[]string@1 resources:[]string scope:string ~rule:V1Rule@2',
  V1SELinuxOptions: 'level:string@4 role:string@2 type:string@3 user:string@1',
  V1ScaleIOVolumeSource:
    'fsType:string@9 gateway!:string@1 protectionDomain:string@5 readOnly:bool@10 secretRef!:V1LocalObjectReference@3 sslEnabled:bool@4 storageMode:string@7 storagePool:string@6 system!:string@2 volumeName:string@8',
  V1SeccompProfile: 'localhostProfile:string@2 type!:string@1',
  V1Secret: 'apiVersion:string data:{}string@2 immutable:bool@5 kind:string metadata:V1ObjectMeta@1 stringData:{}string@4 type:string@3',
  V1SecretEnvSource: 'name:string optional:bool@2 ~localObjectReference:V1LocalObjectReference@1',
  V1SecretKeySelector: 'key!:string@2 name:string optional:bool@3 ~localObjectReference:V1LocalObjectReference@1',
  V1SecretProjection: 'items:[]V1KeyToPath@2 name:string optional:bool@4 ~localObjectReference:V1LocalObjectReference@1',
  V1SecretVolumeSource: 'defaultMode:int@3 items:[]V1KeyToPath@2 optional:bool@4 secretName:string@1',
  V1SecurityContext:
    'allowPrivilegeEscalation:bool@7 appArmorProfile:V1AppArmorProfile@12 capabilities:V1Capabilities@1 privileged:bool@2 procMount:string@9 readOnlyRootFilesystem:bool@6 runAsGroup:int@8 runAsNonRoot:bool@5 runAsUser:int@4 seLinuxOptions:V1SELinuxOptions@3 seccompProfile:V1SeccompProfile@11 windowsOptions:V1WindowsSecurityContextOptions@10',
  V1SelectableField: 'jsonPath!:string',
  V1SelfSubjectAccessReview:
    'apiVersion:string kind:string metadata:V1ObjectMeta@1 spec!:V1SelfSubjectAccessReviewSpec@2 status:V1SubjectAccessReviewStatus@3',
  V1SelfSubjectAccessReviewSpec: 'nonResourceAttributes:V1NonResourceAttributes@2 resourceAttributes:V1ResourceAttributes@1',
  V1SelfSubjectReview: 'apiVersion:string kind:string metadata:V1ObjectMeta@1 status:V1SelfSubjectReviewStatus@2',
  V1SelfSubjectReviewStatus: 'userInfo:V1UserInfo@1',
  V1SelfSubjectRulesReview:
    'apiVersion:string kind:string metadata:V1ObjectMeta@1 spec!:V1SelfSubjectRulesReviewSpec@2 status:V1SubjectRulesReviewStatus@3',
  V1SelfSubjectRulesReviewSpec: 'namespace:string@1',
  V1Service: 'apiVersion:string kind:string metadata:V1ObjectMeta@1 spec:V1ServiceSpec@2 status:V1ServiceStatus@3',
  V1ServiceAccount:
    'apiVersion:string automountServiceAccountToken:bool@4 imagePullSecrets:[]V1LocalObjectReference@3 kind:string metadata:V1ObjectMeta@1 secrets:[]V1ObjectReference@2',
  V1ServiceAccountTokenProjection: 'audience:string@1 expirationSeconds:int@2 path!:string@3',
  V1ServiceBackendPort: 'name:string@1 number:int@2',
  V1ServiceCIDR: 'apiVersion:string kind:string metadata:V1ObjectMeta@1 spec:V1ServiceCIDRSpec@2 status:V1ServiceCIDRStatus@3',
  V1ServiceCIDRSpec: 'cidrs:[]string@1',
  V1ServiceCIDRStatus: 'conditions:[]V1Condition@1',
  V1ServicePort: 'appProtocol:string@6 name:string@1 nodePort:int@5 port!:int@3 protocol:string@2 targetPort:intstr@4',
  V1ServiceSpec:
    'allocateLoadBalancerNodePorts:bool@20 clusterIP:string@3 clusterIPs:[]string@18 externalIPs:[]string@5 externalName:string@10 externalTrafficPolicy:string@11 healthCheckNodePort:int@12 internalTrafficPolicy:string@22 ipFamilies:[]string@19 ipFamilyPolicy:string@17 loadBalancerClass:string@21 loadBalancerIP:string@8 loadBalancerSourceRanges:[]string@9 ports:[]V1ServicePort@1 publishNotReadyAddresses:bool@13 selector:{}string@2 sessionAffinity:string@7 sessionAffinityConfig:V1SessionAffinityConfig@14 trafficDistribution:string@23 type:string@4',
  V1ServiceStatus: 'conditions:[]V1Condition@2 loadBalancer:V1LoadBalancerStatus@1',
  V1SessionAffinityConfig: 'clientIP:V1ClientIPConfig@1',
  V1ShardInfo: 'selector!:string@1',
  V1SleepAction: 'seconds!:int@1',
  V1StatefulSet: 'apiVersion:string kind:string metadata:V1ObjectMeta@1 spec:V1StatefulSetSpec@2 status:V1StatefulSetStatus@3',
  V1StatefulSetCondition: 'lastTransitionTime:time@3 message:string@5 reason:string@4 status!:string@2 type!:string@1',
  V1StatefulSetOrdinals: 'start:int@1',
  V1StatefulSetPersistentVolumeClaimRetentionPolicy: 'whenDeleted:string@1 whenScaled:string@2',
  V1StatefulSetSpec:
    'minReadySeconds:int@9 ordinals:V1StatefulSetOrdinals@11 persistentVolumeClaimRetentionPolicy:V1StatefulSetPersistentVolumeClaimRetentionPolicy@10 podManagementPolicy:string@6 replicas:int@1 revisionHistoryLimit:int@8 selector!:V1LabelSelector@2 serviceName:string@5 template!:V1PodTemplateSpec@3 updateStrategy:V1StatefulSetUpdateStrategy@7 volumeClaimTemplates:[]V1PersistentVolumeClaim@4',
  V1StatefulSetStatus:
    'availableReplicas:int@11 collisionCount:int@9 conditions:[]V1StatefulSetCondition@10 currentReplicas:int@4 currentRevision:string@6 observedGeneration:int@1 readyReplicas:int@3 replicas!:int@2 updateRevision:string@7 updatedReplicas:int@5',
  V1StatefulSetUpdateStrategy: 'rollingUpdate:V1RollingUpdateStatefulSetStrategy@2 type:string@1',
  V1Status:
    'apiVersion:string code:int@6 details:V1StatusDetails@5 kind:string message:string@3 metadata:V1ListMeta@1 reason:string@4 status:string@2',
  V1StatusCause: 'field:string@3 message:string@2 reason:string@1',
  V1StatusDetails: 'causes:[]V1StatusCause@4 group:string@2 kind:string@3 name:string@1 retryAfterSeconds:int@5 uid:string@6',
  V1StorageOSVolumeSource:
    'fsType:string@3 readOnly:bool@4 secretRef:V1LocalObjectReference@5 volumeName:string@1 volumeNamespace:string@2',
  V1SubjectAccessReview:
    'apiVersion:string kind:string metadata:V1ObjectMeta@1 spec!:V1SubjectAccessReviewSpec@2 status:V1SubjectAccessReviewStatus@3',
  V1SubjectAccessReviewSpec:
    'extra:{}[]string@5 groups:[]string@4 nonResourceAttributes:V1NonResourceAttributes@2 resourceAttributes:V1ResourceAttributes@1 uid:string@6 user:string@3',
  V1SubjectAccessReviewStatus: 'allowed!:bool@1 denied:bool@4 evaluationError:string@3 reason:string@2',
  V1SubjectRulesReviewStatus:
    'evaluationError:string@4 incomplete!:bool@3 nonResourceRules!:[]V1NonResourceRule@2 resourceRules!:[]V1ResourceRule@1',
  V1SuccessPolicy: 'rules!:[]V1SuccessPolicyRule@1',
  V1SuccessPolicyRule: 'succeededCount:int@2 succeededIndexes:string@1',
  V1Sysctl: 'name!:string@1 value!:string@2',
  V1TCPSocketAction: 'host:string@2 port!:intstr@1',
  V1Taint: 'effect!:string@3 key!:string@1 timeAdded:time@4 value:string@2',
  V1TokenRequestSpec: 'audiences:[]string@1 boundObjectRef:V1BoundObjectReference@3 expirationSeconds:int@4',
  V1TokenRequestStatus: 'expirationTimestamp:time@2 token:string@1',
  V1TokenReview: 'apiVersion:string kind:string metadata:V1ObjectMeta@1 spec!:V1TokenReviewSpec@2 status:V1TokenReviewStatus@3',
  V1TokenReviewSpec: 'audiences:[]string@2 token!:string@1',
  V1TokenReviewStatus: 'audiences:[]string@4 authenticated:bool@1 error:string@3 user:V1UserInfo@2',
  V1Toleration: 'effect:string@4 key:string@1 operator:string@2 tolerationSeconds:int@5 value:string@3',
  V1TopologySpreadConstraint:
    'labelSelector:V1LabelSelector@4 matchLabelKeys:[]string@8 maxSkew!:int@1 minDomains:int@5 nodeAffinityPolicy:string@6 nodeTaintsPolicy:string@7 topologyKey!:string@2 whenUnsatisfiable!:string@3',
  V1TypedLocalObjectReference: 'apiGroup:string@1 kind!:string@2 name!:string@3',
  V1TypedObjectReference: 'apiGroup:string@1 kind!:string@2 name!:string@3 namespace:string@4',
  V1UncountedTerminatedPods: 'failed:[]string@2 succeeded:[]string@1',
  V1UserInfo: 'extra:{}[]string@4 groups:[]string@3 uid:string@2 username:string@1',
  V1ValidatingWebhook:
    'admissionReviewVersions!:[]string@8 clientConfig!:AdmissionregistrationV1WebhookClientConfig@2 failurePolicy:string@4 matchConditions:[]V1MatchCondition@11 matchPolicy:string@9 name!:string@1 namespaceSelector:V1LabelSelector@5 objectSelector:V1LabelSelector@10 rules:[]V1RuleWithOperations@3 sideEffects!:string@6 timeoutSeconds:int@7',
  V1ValidatingWebhookConfiguration:
    'apiVersion:string kind:string metadata:V1ObjectMeta@1 webhooks:[]V1ValidatingWebhook ~Webhooks:V1ValidatingWebhook@2',
  V1Volume:
    'awsElasticBlockStore:V1AWSElasticBlockStoreVolumeSource azureDisk:V1AzureDiskVolumeSource azureFile:V1AzureFileVolumeSource cephfs:V1CephFSVolumeSource cinder:V1CinderVolumeSource configMap:V1ConfigMapVolumeSource csi:V1CSIVolumeSource downwardAPI:V1DownwardAPIVolumeSource emptyDir:V1EmptyDirVolumeSource ephemeral:V1EphemeralVolumeSource fc:V1FCVolumeSource flexVolume:V1FlexVolumeSource flocker:V1FlockerVolumeSource gcePersistentDisk:V1GCEPersistentDiskVolumeSource gitRepo:V1GitRepoVolumeSource glusterfs:V1GlusterfsVolumeSource hostPath:V1HostPathVolumeSource image:V1ImageVolumeSource iscsi:V1ISCSIVolumeSource name!:string@1 nfs:V1NFSVolumeSource persistentVolumeClaim:V1PersistentVolumeClaimVolumeSource photonPersistentDisk:V1PhotonPersistentDiskVolumeSource portworxVolume:V1PortworxVolumeSource projected:V1ProjectedVolumeSource quobyte:V1QuobyteVolumeSource rbd:V1RBDVolumeSource scaleIO:V1ScaleIOVolumeSource secret:V1SecretVolumeSource storageos:V1StorageOSVolumeSource vsphereVolume:V1VsphereVirtualDiskVolumeSource ~volumeSource:V1VolumeSource@2',
  V1VolumeDevice: 'devicePath!:string@2 name!:string@1',
  V1VolumeHealthStatus: 'healthConditions:string@1 lastTransitionTime:string@2',
  V1VolumeMount:
    'mountPath!:string@3 mountPropagation:string@5 name!:string@1 readOnly:bool@2 recursiveReadOnly:string@7 subPath:string@4 subPathExpr:string@6',
  V1VolumeMountStatus: 'mountPath!:string@2 name!:string@1 readOnly:bool@3 recursiveReadOnly:string@4 volumeStatus:V1VolumeStatus@5',
  V1VolumeProjection:
    'clusterTrustBundle:V1ClusterTrustBundleProjection@5 configMap:V1ConfigMapProjection@3 downwardAPI:V1DownwardAPIProjection@2 podCertificate:V1PodCertificateProjection@6 secret:V1SecretProjection@1 serviceAccountToken:V1ServiceAccountTokenProjection@4',
  V1VolumeResourceRequirements: 'limits:{}string@1 requests:{}string@2',
  V1VolumeSource:
    'hostPath:V1HostPathVolumeSource@1 emptyDir:V1EmptyDirVolumeSource@2 gcePersistentDisk:V1GCEPersistentDiskVolumeSource@3 awsElasticBlockStore:V1AWSElasticBlockStoreVolumeSource@4 gitRepo:V1GitRepoVolumeSource@5 secret:V1SecretVolumeSource@6 nfs:V1NFSVolumeSource@7 iscsi:V1ISCSIVolumeSource@8 glusterfs:V1GlusterfsVolumeSource@9 persistentVolumeClaim:V1PersistentVolumeClaimVolumeSource@10 rbd:V1RBDVolumeSource@11 flexVolume:V1FlexVolumeSource@12 cinder:V1CinderVolumeSource@13 cephfs:V1CephFSVolumeSource@14 flocker:V1FlockerVolumeSource@15 downwardAPI:V1DownwardAPIVolumeSource@16 fc:V1FCVolumeSource@17 azureFile:V1AzureFileVolumeSource@18 configMap:V1ConfigMapVolumeSource@19 vsphereVolume:V1VsphereVirtualDiskVolumeSource@20 quobyte:V1QuobyteVolumeSource@21 azureDisk:V1AzureDiskVolumeSource@22 photonPersistentDisk:V1PhotonPersistentDiskVolumeSource@23 projected:V1ProjectedVolumeSource@26 portworxVolume:V1PortworxVolumeSource@24 scaleIO:V1ScaleIOVolumeSource@25 storageos:V1StorageOSVolumeSource@27 csi:V1CSIVolumeSource@28 ephemeral:V1EphemeralVolumeSource@29 image:V1ImageVolumeSource@30',
  V1VolumeStatus: 'image:V1ImageVolumeStatus@1',
  V1VsphereVirtualDiskVolumeSource: 'fsType:string@2 storagePolicyID:string@4 storagePolicyName:string@3 volumePath!:string@1',
  V1WebhookConversion: 'clientConfig:ApiextensionsV1WebhookClientConfig conversionReviewVersions!:[]string',
  V1WeightedPodAffinityTerm: 'podAffinityTerm!:V1PodAffinityTerm@2 weight!:int@1',
  V1WindowsSecurityContextOptions: 'gmsaCredentialSpec:string@2 gmsaCredentialSpecName:string@1 hostProcess:bool@4 runAsUserName:string@3',
};
